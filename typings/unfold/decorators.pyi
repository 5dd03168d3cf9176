from collections.abc import Callable, Iterable
from typing import TypeVar

from unfold.enums import ActionVariant

Method = TypeVar("Method", bound=Callable[..., object])

def action(
    *,
    permissions: Iterable[str] | None = None,
    description: str | None = None,
    url_path: str | None = None,
    icon: str | None = None,
    variant: ActionVariant | None = ...,
) -> Callable[[Method], Method]: ...
def display(
    *,
    boolean: bool | None = None,
    ordering: str | None = None,
    description: str | None = None,
    empty_value: str | None = None,
    label: bool | str | dict[str, str] | None = None,
    header: bool | None = None,
) -> Callable[[Method], Method]: ...
