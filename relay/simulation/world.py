"""Plays a trace against policies in virtual time, with the classes that enforce them.

It is a world of one relay process, a store that answers at once, and platforms that read all.
"""

from collections.abc import Iterable, Iterator

from relay.simulation.agenda import Agenda, lines_on
from relay.simulation.asking import Asking
from relay.simulation.connections import Connection
from relay.simulation.events import ConnectionName, Event, Kind, Outcome, Result, went_on
from relay.simulation.requests import Request
from relay.simulation.rules import Limits, Rules


class World:
    """One run of one trace."""

    def __init__(self, rules: Rules, began_ns: int) -> None:
        """Begin at ``began_ns``, which is more than 0, with full buckets and nothing open."""
        self._agenda = Agenda(began_ns)
        self._lines = lines_on(self._agenda)
        self._limits = Limits(rules, Asking(self._agenda, self._lines))
        self._outcomes: list[Outcome] = []
        self._open: dict[ConnectionName, Connection] = {}
        self._gone: set[ConnectionName] = set()  # refused, or closed by a zone: what follows is skipped

    def play(self, events: Iterable[Event]) -> Iterator[Outcome]:
        """What becomes of each event but closes, in the order in which it is decided.

        Args:
            events: by time; the first not before the world began.
        """
        for event in events:
            self._agenda.go_to(event.at_ns)
            yield from self._told()
            self._take(event)
            yield from self._told()
        while self._agenda.go_on():
            yield from self._told()

    def _told(self) -> list[Outcome]:
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def _tell(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)

    def _take(self, event: Event) -> None:
        name = event.connection
        if event.kind is Kind.HANDSHAKE:
            self._leave(Event(event.at_ns, name, kind=Kind.CLOSE))
            self._shake_hands(event)
        elif event.kind is Kind.CLOSE:
            self._leave(event)
        elif event.kind is Kind.REQUEST:
            limiter = self._limits.requests(name, self._agenda.now_ns)
            Request(event, limiter, self._agenda, self._lines, self._tell).begin()
        elif name in self._gone:
            self._tell(Outcome(event, Result.SKIPPED, event.at_ns))
        else:
            connection = self._open.get(name)
            if connection is None:  # it was open before the trace began
                connection = self._connect(name, self._limits.least_used()[0])
                connection.begin()
            connection.receive(event)

    def _leave(self, close: Event) -> None:
        """Let a connection end when all that it sent has gone on. Its name is free at once."""
        self._gone.discard(close.connection)
        connection = self._open.pop(close.connection, None)
        if connection is not None:
            connection.receive(close)

    def _shake_hands(self, event: Event) -> None:
        name, now_ns = event.connection, self._agenda.now_ns
        shaken = self._limits.shake_hands(name, now_ns)
        if shaken.is_refused:
            self._gone.add(name)
            self._tell(Outcome(event, Result.REFUSED, now_ns, shaken.by))
            return
        connection = self._connect(name, shaken.credential)

        def accept() -> None:
            self._tell(went_on(event, self._agenda.now_ns, shaken.by))
            connection.begin(shaken.by)

        if shaken.wait_ns:
            self._agenda.plan(now_ns + shaken.wait_ns, accept)
        else:
            accept()

    def _connect(self, name: ConnectionName, credential: str) -> Connection:
        limits = self._limits.of_connection(name, credential, self._agenda.now_ns)
        self._limits.credentials.take(credential)

        def ended(connection: Connection) -> None:
            self._limits.credentials.give_back(credential)
            if self._open.get(name) is connection:  # a zone closed it, the client did not
                del self._open[name]
                self._gone.add(name)

        surroundings = self._agenda, self._lines, self._tell
        connection = Connection(name, limits, self._limits.caps(name, credential), surroundings, ended)
        self._open[name] = connection
        return connection
