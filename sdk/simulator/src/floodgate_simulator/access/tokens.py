"""Live tokens: issued, found, expired, revoked. Where a token's text comes from is its platform's affair."""

from dataclasses import dataclass, field

from floodgate_simulator.access.credentials import Credential, PlatformName
from floodgate_simulator.limits import FixedWindow

SWEEP_ABOVE_TOKENS = 10_000


@dataclass(slots=True, eq=False)
class Token:
    """One access token with what is counted by it."""

    value: str
    credential: Credential
    expires_at: float
    window: FixedWindow | None
    refresh_value: str = ""
    is_revoked: bool = field(default=False, init=False)
    open_connections: int = field(default=0, init=False)

    def is_live(self, now: float) -> bool:
        """Whether it still opens doors at ``now``."""
        return not self.is_revoked and now < self.expires_at


class Tokens:
    """Every token that was issued and is not yet forgotten; a credential may hold several live ones."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_value: dict[str, Token] = {}
        self._by_refresh_value: dict[str, Token] = {}

    def add(self, token: Token, now: float) -> None:
        """Honour this token from now on."""
        if len(self._by_value) >= SWEEP_ABOVE_TOKENS:
            self._forget([known for known in self._by_value.values() if not known.is_live(now)])
        self._by_value[token.value] = token
        if token.refresh_value:
            self._by_refresh_value[token.refresh_value] = token

    def find(self, platform: PlatformName, value: str) -> Token | None:
        """The token of that text, live or not, if that platform issued it."""
        token = self._by_value.get(value)
        return token if token is not None and token.credential.platform == platform else None

    def find_by_refresh_value(self, refresh_value: str) -> Token | None:
        """The token that was issued together with this refresh token, unless it was revoked."""
        token = self._by_refresh_value.get(refresh_value)
        return None if token is None or token.is_revoked else token

    def revoke(self, client_id: str | None) -> int:
        """Revoke all tokens of one credential, or of all when None; answer how many were not yet revoked."""
        revoked = [
            token
            for token in self._by_value.values()
            if not token.is_revoked and client_id in (None, token.credential.client_id)
        ]
        for token in revoked:
            token.is_revoked = True
        return len(revoked)

    def clear(self) -> int:
        """Forget all tokens; answer how many there were."""
        forgotten = list(self._by_value.values())
        self._forget(forgotten)
        return len(forgotten)

    def _forget(self, tokens: list[Token]) -> None:
        for token in tokens:
            del self._by_value[token.value]
            self._by_refresh_value.pop(token.refresh_value, None)
