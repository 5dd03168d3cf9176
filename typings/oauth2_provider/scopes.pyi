from typing import Any

class BaseScopes:
    def get_all_scopes(self) -> dict[str, str]: ...
    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: object, **kwargs: object
    ) -> list[str]: ...
    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: object, **kwargs: object
    ) -> list[str]: ...
