"""The place of one connection under its caps: it may be given to another, and then the connection must go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from relay.throttle.policy import Scope

ScopeIds: TypeAlias = dict[Scope, str]


@dataclass(slots=True)
class Place:
    """A connection that was let in, and whose traffic it is, scope by scope."""

    scope_ids: ScopeIds
    _close: Callable[[], None] | None = None
    _is_given_up: bool = False

    @property
    def credential_id(self) -> str:
        """The credential that the connection logs in to its platform with."""
        return self.scope_ids[Scope.CREDENTIAL]

    @property
    def channel_id(self) -> str:
        """The channel that the connection is on."""
        return self.scope_ids[Scope.CHANNEL]

    def begin(self, close: Callable[[], None]) -> None:
        """Have ``close`` called if the place is given to another; at once, if it was already."""
        self._close = close
        if self._is_given_up:
            close()

    def give_up(self) -> None:
        """Close the connection: the process was taken for dead, and others were let in in its place."""
        self._is_given_up = True
        if self._close is not None:
            self._close()
