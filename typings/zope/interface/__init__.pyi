from collections.abc import Callable
from typing import TypeVar

C = TypeVar("C", bound=type)

def implementer(*interfaces: type) -> Callable[[C], C]: ...
