from collections.abc import Callable, Sequence
from typing import Any

class Server:
    connections: dict[object, object]
    application_checker: Callable[[], None]
    timeout_checker: Callable[[], None]
    kill_all_applications: Callable[[], object]
    def __init__(self, application: Any, endpoints: Sequence[str], *, server_name: str, verbosity: int) -> None: ...
