"""The place of one connection under its caps: it may be given to another, and then the connection must go."""

from dataclasses import dataclass
from typing import TypeAlias

from relay.protocol.close_codes import CloseCode, close_reason
from relay.splicing.session import Session
from relay.throttle.policy import Scope

ScopeIds: TypeAlias = dict[Scope, str]


@dataclass(slots=True)
class Place:
    """A connection that was let in, and whose traffic it is, scope by scope."""

    scope_ids: ScopeIds
    _session: Session | None = None
    _is_given_up: bool = False

    def begin(self, session: Session) -> None:
        """Have ``session`` closed if its place is given to another."""
        self._session = session
        if self._is_given_up:
            self.give_up()

    def give_up(self) -> None:
        """Close the connection: the process was taken for dead, and others were let in in its place."""
        self._is_given_up = True
        if self._session is not None:
            self._session.close(CloseCode.CONNECTION_LIMIT, close_reason("connection_limit"))
