"""All that one simulator knows and that its endpoints share. Answers no request itself."""

import random
from collections.abc import Iterator

from floodgate_simulator.access.credentials import Credential, Credentials
from floodgate_simulator.access.tokens import Token, Tokens
from floodgate_simulator.clock import unix_now
from floodgate_simulator.faults.fault import Fault
from floodgate_simulator.faults.schedule import FaultSchedule, OrderedFault
from floodgate_simulator.ledger.ledger import Ledger
from floodgate_simulator.limits import FixedWindow, RateLimit
from floodgate_simulator.settings import Settings
from floodgate_simulator.sockets.connection import Connection
from floodgate_simulator.sockets.pushing import PushPlan
from floodgate_simulator.sockets.terms import Surroundings


class Simulation:
    """Credentials, tokens, faults, books and open sockets of one simulator."""

    def __init__(self, settings: Settings) -> None:
        """Begin with the built-in credentials and nothing else."""
        self.settings = settings
        self.random = random.Random(settings.seed)
        self.credentials = Credentials()
        self.tokens = Tokens()
        self.faults = FaultSchedule()
        self.ledger = Ledger(unix_now())
        self.push_plans: dict[str, PushPlan] = {}
        self.surroundings = Surroundings(self.ledger, self.faults, self.revoke, self._forget)
        self._open: dict[int, Connection] = {}
        self._credential_limits: dict[str, RateLimit] = {}

    def issue_token(self, credential: Credential, value: str, refresh_value: str = "") -> Token:
        """A new live token; those issued before stay live."""
        now = unix_now()
        allowed = self.settings.api_requests_per_minute
        window = FixedWindow(allowed) if allowed and credential.platform == "genesys" else None
        token = Token(value, credential, now + credential.token_life, window, refresh_value)
        self.tokens.add(token, now)
        return token

    def connections_allowed(self, token: Token) -> int:
        """How many connections this token may have open."""
        own = token.credential.connections_per_token
        return self.settings.connections_per_token if own is None else own

    def limit_for(self, credential: Credential) -> RateLimit | None:
        """The message limit of a new connection: its own, or shared with the credential's others; None: no limit."""
        own_rate, own_burst = credential.messages_per_second, credential.burst
        rate = self.settings.messages_per_second if own_rate is None else own_rate
        burst = self.settings.burst if own_burst is None else own_burst
        if not rate:
            return None
        if (credential.limit_by or self.settings.limit_by) == "connection":
            return RateLimit(rate, burst)
        return self._credential_limits.setdefault(credential.client_id, RateLimit(rate, burst))

    def know(self, credential: Credential) -> None:
        """Know a credential from now on; its limit begins at rest."""
        self.credentials.add(credential)
        self._credential_limits.pop(credential.client_id, None)

    def connection_opened(self, connection: Connection) -> None:
        """Keep an accepted connection, and let what is in force hold for it too."""
        self._open[connection.row.connection] = connection
        connection.terms.token.open_connections += 1
        connection.slow_down(self.faults.holding("slow_read", connection.client_id, unix_now()))
        plan = self.push_plans.get(connection.terms.channel)
        if plan is not None:
            connection.push(plan)

    def open_connections(self, client_id: str | None = None) -> Iterator[Connection]:
        """The open connections of one credential, or all; safe against closing them meanwhile."""
        return (known for known in list(self._open.values()) if client_id in (None, known.client_id))

    def order(self, fault: Fault) -> OrderedFault:
        """Put a fault in force; one without a target strikes at once."""
        ordered = self.faults.add(fault, unix_now())
        if fault.target is None and fault.kind in ("close", "revoke"):
            ordered.strike()
            if fault.kind == "revoke":
                self.revoke(fault)
            else:
                self.close_all(fault.code, fault.close_reason, fault.credential)
        self.read_as_ordered()
        return ordered

    def revoke(self, fault: Fault) -> None:
        """Revoke the tokens that a fault means, and close their open sockets."""
        self.tokens.revoke(fault.credential)
        for connection in self.open_connections(fault.credential):
            connection.close(fault.code, fault.close_reason)

    def close_all(self, code: int, reason: str, client_id: str | None = None) -> int:
        """Close the open connections of one credential, or all; answer how many."""
        closing = list(self.open_connections(client_id))
        for connection in closing:
            connection.close(code, reason)
        return len(closing)

    def read_as_ordered(self) -> None:
        """Let slow reads begin and end, after the faults have changed."""
        now = unix_now()
        for connection in self.open_connections():
            connection.slow_down(self.faults.holding("slow_read", connection.client_id, now))

    def push(self, channel: str, plan: PushPlan) -> int:
        """Let all connections of a channel, open and to come, be pushed to by this plan; answer how many are open."""
        self.push_plans[channel] = plan
        listening = [known for known in self._open.values() if known.terms.channel == channel]
        for connection in listening:
            connection.push(plan)
        return len(listening)

    def stop_pushing(self) -> None:
        """Let each connection be pushed to as its handshake agreed."""
        for channel in self.push_plans:
            for connection in self.open_connections():
                if connection.terms.channel == channel:
                    agreed = connection.terms.push_plan if connection.terms.mode == "push" else PushPlan(rate=0)
                    connection.push(agreed)
        self.push_plans.clear()

    def _forget(self, number: int) -> None:
        self._open.pop(number).terms.token.open_connections -= 1
