"""One connection's row in the books, and the rows of closed ones, which are bounded."""

from collections import deque
from dataclasses import dataclass, field

from floodgate_simulator.ledger.counts import Counts
from floodgate_simulator.ledger.order import Senders

KEPT_CLOSED_ROWS = 10_000


@dataclass(slots=True, eq=False)
class GroupRow:
    """All connections of one credential or one channel, or simply all."""

    counts: Counts = field(default_factory=Counts)
    open: int = 0
    total: int = 0

    def clear(self) -> None:
        """Begin at zero again; what is open stays open."""
        self.counts.clear()
        self.total = 0

    def as_json(self) -> dict[str, object]:
        """The row by name."""
        return {"open": self.open, "total": self.total, **self.counts.as_json()}


@dataclass(slots=True, eq=False)
class ConnectionRow:
    """What is known of one connection, open or closed."""

    connection: int
    platform: str
    credential: str
    channel: str
    opened_at: float
    groups: tuple[GroupRow, ...]
    counts: Counts = field(default_factory=Counts)
    senders: Senders = field(default_factory=Senders)
    close_code: int | None = None
    closed_at: float | None = None

    def as_json(self) -> dict[str, object]:
        """The row by name."""
        return {
            "connection": self.connection,
            "platform": self.platform,
            "credential": self.credential,
            "channel": self.channel,
            "open": self.close_code is None,
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
            "close_code": self.close_code,
            **self.counts.as_json(),
        }


class ClosedRows:
    """The newest closed rows one by one, all older ones merged into one."""

    def __init__(self, kept_rows: int = KEPT_CLOSED_ROWS) -> None:
        """Begin with none."""
        self._kept_rows = kept_rows
        self.rows: deque[ConnectionRow] = deque()
        self.merged = GroupRow()

    def add(self, row: ConnectionRow) -> None:
        """Keep a row that was just closed."""
        row.counts.rest()
        row.senders.clear()
        row.groups = ()
        self.rows.append(row)
        if len(self.rows) > self._kept_rows:
            oldest = self.rows.popleft()
            self.merged.counts.merge(oldest.counts)
            self.merged.total += 1

    def clear(self) -> None:
        """Forget all."""
        self.rows.clear()
        self.merged.clear()
