"""The credentials that the simulated platforms know, and the limits that belong to each."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from floodgate_simulator.settings import LimitScope, OverLimit

PlatformName = Literal["genesys", "cxone"]
DEFAULT_TOKEN_LIFE_SECONDS: dict[PlatformName, float] = {"genesys": 86_400, "cxone": 3_600}

BUILT_IN: tuple[dict[str, Any], ...] = (
    {"platform": "genesys", "client_id": "demo-genesys", "client_secret": "demo-genesys-secret"},
    {
        "platform": "cxone",
        "client_id": "demo-cxone",
        "client_secret": "demo-cxone-secret",
        "access_key_id": "demo-access-key",
        "access_key_secret": "demo-access-secret",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An OAuth client of one platform; where a limit is None, the simulator's own setting holds.

    Raises:
        ValueError: a value is out of range; the text says which and what is allowed.
    """

    platform: PlatformName
    client_id: str
    client_secret: str
    access_key_id: str = ""
    access_key_secret: str = ""
    tenant_id: str = "11ee-simulated-tenant"
    token_life_seconds: float | None = None
    connections_per_token: int | None = None
    messages_per_second: float | None = None
    burst: int | None = None
    limit_by: LimitScope | None = None
    over_limit: OverLimit | None = None

    def __post_init__(self) -> None:
        """Refuse what no platform could know."""
        _require_choice("platform", self.platform, get_args(PlatformName))
        _require_choice("limit_by", self.limit_by, (*get_args(LimitScope), None))
        _require_choice("over_limit", self.over_limit, (*get_args(OverLimit), None))
        if not self.client_id or not self.client_secret:
            raise ValueError("client_id and client_secret must not be empty.")
        for name in ("token_life_seconds", "connections_per_token", "messages_per_second", "burst"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value}, but must be 0 or more.")

    @property
    def token_life(self) -> float:
        """Seconds from a token's issue to its end."""
        if self.token_life_seconds is not None:
            return self.token_life_seconds
        return DEFAULT_TOKEN_LIFE_SECONDS[self.platform]


def built_in_credentials() -> tuple[Credential, ...]:
    """What every simulator knows from its start; the names are public, since they guard nothing."""
    return tuple(Credential(**named) for named in BUILT_IN)


class Credentials:
    """All known credentials; a client id is known once, whatever the platform."""

    def __init__(self) -> None:
        """Begin with the built-in ones."""
        self._by_client_id = {credential.client_id: credential for credential in built_in_credentials()}

    def add(self, credential: Credential) -> None:
        """Know this credential from now on; one with the same client id is replaced."""
        self._by_client_id[credential.client_id] = credential

    def find(self, platform: PlatformName, client_id: str) -> Credential | None:
        """The platform's credential of that client id, if there is one."""
        credential = self._by_client_id.get(client_id)
        return credential if credential is not None and credential.platform == platform else None

    def find_by_access_key(self, access_key_id: str) -> Credential | None:
        """The CXone credential that holds this access key, if there is one."""
        for credential in self._by_client_id.values():
            if access_key_id and credential.access_key_id == access_key_id:
                return credential
        return None


def _require_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse a value that is not one of those allowed."""
    if value not in allowed:
        choices = ", ".join(str(choice) for choice in allowed if choice is not None)
        raise ValueError(f"{name} is {value!r}, but must be one of: {choices}.")
