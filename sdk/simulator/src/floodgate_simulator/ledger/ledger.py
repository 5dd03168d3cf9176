"""The simulator's books: what came, from whom, in what order, and how each request and connection ended."""

from collections import Counter

from floodgate_simulator.ledger.order import Order
from floodgate_simulator.ledger.received import ReceivedMessage, ReceivedMessages
from floodgate_simulator.ledger.rows import ClosedRows, ConnectionRow, GroupRow


class Ledger:
    """Counts everything exactly; tests assert on these figures, not on those of what they test."""

    def __init__(self, now: float) -> None:
        """Begin at zero at Unix time ``now``."""
        self.received = ReceivedMessages()
        self.handshakes: Counter[str] = Counter()
        self.token_requests: Counter[str] = Counter()
        self.api_requests: Counter[str] = Counter()
        self._since = now
        self._closes: Counter[str] = Counter()
        self._overall = GroupRow()
        self._by_credential: dict[str, GroupRow] = {}
        self._by_channel: dict[str, GroupRow] = {}
        self._open: dict[int, ConnectionRow] = {}
        self._closed = ClosedRows()
        self._connections = 0

    def connection_opened(self, platform: str, credential: str, channel: str, at: float) -> ConnectionRow:
        """Open a row for a connection that was accepted."""
        self._connections += 1
        groups = (
            self._overall,
            self._by_credential.setdefault(credential, GroupRow()),
            self._by_channel.setdefault(channel, GroupRow()),
        )
        for group in groups:
            group.open += 1
            group.total += 1
        row = ConnectionRow(self._connections, platform, credential, channel, at, groups)
        self._open[row.connection] = row
        return row

    def connection_closed(self, row: ConnectionRow, close_code: int, at: float) -> None:
        """Close a row, with the code by which the connection ended (1006: no close frame came)."""
        del self._open[row.connection]
        row.close_code = close_code
        row.closed_at = at
        self._closes[str(close_code)] += 1
        for group in row.groups:
            group.open -= 1
        self._closed.add(row)

    def message_received(self, row: ConnectionRow, payload: bytes, at: float, *, is_text: bool) -> None:
        """Count one whole message and keep it."""
        size = len(payload)
        row.counts.add(size, at)
        for group in row.groups:
            group.counts.add(size, at)
        if is_text:
            order, missing = row.senders.place(payload)
            if order is not Order.IN_ORDER:
                self._count_disorder(row, order, missing)
        self.received.append(
            ReceivedMessage(
                self.received.next_sequence(),
                row.connection,
                row.credential,
                row.platform,
                row.channel,
                at,
                payload,
                is_text,
            ),
        )

    def message_over_limit(self, row: ConnectionRow) -> None:
        """Count one of the received messages as over the platform's limit."""
        for counts in (row.counts, *(group.counts for group in row.groups)):
            counts.over_limit += 1

    def reset(self, now: float) -> int:
        """Forget messages and counts; what is open stays open. Answers how many messages were kept."""
        self._since = now
        for counter in (self.handshakes, self.token_requests, self.api_requests, self._closes):
            counter.clear()
        self._closed.clear()
        self._overall.clear()
        for groups in (self._by_credential, self._by_channel):
            for name in [name for name, group in groups.items() if not group.open]:
                del groups[name]
            for group in groups.values():
                group.clear()
        for row in self._open.values():
            row.counts.clear()
            row.senders.clear()
        return self.received.clear()

    def as_json(self) -> dict[str, object]:
        """All counts by name."""
        refused = sum(count for outcome, count in self.handshakes.items() if outcome != "101")
        rows = [*self._closed.rows, *self._open.values()]
        return {
            "since": self._since,
            "overall": self._overall.counts.as_json(),
            "connections": {"open": self._overall.open, "total": self._overall.total, "refused": refused},
            "handshakes": dict(self.handshakes),
            "token_requests": dict(self.token_requests),
            "api_requests": dict(self.api_requests),
            "closes": dict(self._closes),
            "by_credential": {name: group.as_json() for name, group in self._by_credential.items()},
            "by_channel": {name: group.as_json() for name, group in self._by_channel.items()},
            "by_connection": [row.as_json() for row in rows],
            "merged_connections": self._closed.merged.as_json(),
        }

    def _count_disorder(self, row: ConnectionRow, order: Order, missing: int) -> None:
        for counts in (row.counts, *(group.counts for group in row.groups)):
            if order is Order.DUPLICATE:
                counts.duplicates += 1
            else:
                counts.order_gaps += 1
                counts.missing += missing
