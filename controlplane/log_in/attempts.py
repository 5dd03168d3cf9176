"""Holds the log-in of people against guessing and floods: zones before a password is hashed, then a fair turn.

An account is refused only where too many tries came from the same address. One that is tried from everywhere comes
last; who logged in to it from the same address before comes first all the same.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from controlplane.log_in.turns import HASH_WAIT_SECONDS, NoTurn, Rank, Turns
from controlplane.zone_tables import ZoneTable
from relay.throttle.policy import Scope

LOG_IN_PERMITS, LOG_IN_BURST = 3, 5  # a minute, for an account from one address: people mistype, programs guess
LOG_IN_ADDRESS_PERMITS, LOG_IN_ADDRESS_BURST = 30, 30  # a minute, for one address: an office in the morning
LOG_IN_ACCOUNT_PERMITS, LOG_IN_ACCOUNT_BURST = 6, 10  # a minute, for an account from anywhere; beyond, it comes last
MOST_KNOWN = 4096  # pairs of address and account; the one that logged in longest ago is forgotten
BUSY_RETRY_SECONDS = 5
REPORT_SECONDS = 10.0
MINUTE_SECONDS = 60
log = structlog.get_logger(__name__)


class LogInRefused(Exception):
    """A log-in that nobody looked at: no password was compared."""

    def __init__(self, status: int, retry_after_seconds: int) -> None:
        """``status`` is 429 for who tried too often, 503 where too many log in at once."""
        super().__init__(f"log-in refused with {status}")
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class LogInAttempts:
    """The log-ins of one process."""

    def __init__(self, wait_seconds: float = HASH_WAIT_SECONDS) -> None:
        """Begin with all zones at rest; ``wait_seconds`` is for how long one waits for a turn."""
        self._addresses = _table("log_in_address", LOG_IN_ADDRESS_PERMITS, LOG_IN_ADDRESS_BURST)
        self._accounts_by_address = _table("log_in", LOG_IN_PERMITS, LOG_IN_BURST)
        self._accounts = _table("log_in_account", LOG_IN_ACCOUNT_PERMITS, LOG_IN_ACCOUNT_BURST)
        self._known = _Known()
        self._turns = Turns(wait_seconds)
        self._refusals = _Refusals()

    @contextmanager
    def admitted(self, account: str, asking: str) -> Iterator[None]:
        """Charge one try of ``account`` by the subscriber ``asking``, and keep a turn to hash until the end.

        Raises:
            LogInRefused: it came too often from there, or too many log in at once.
        """
        now_ns = time.monotonic_ns()
        pair = f"{asking} {account}"
        for table, key in ((self._addresses, asking), (self._accounts_by_address, pair)):
            seconds = table.seconds_to_wait(key, now_ns)
            if seconds:
                raise self._refused(429, seconds, asking)
        is_tried_often = bool(self._accounts.seconds_to_wait(account, now_ns))
        rank = Rank.KNOWN if pair in self._known else Rank.SLOW if is_tried_often else Rank.ORDINARY
        try:
            with self._turns.turn(asking, rank):
                yield
        except NoTurn:
            raise self._refused(503, BUSY_RETRY_SECONDS, asking) from None

    def succeeded(self, account: str, asking: str) -> None:
        """Remember that a password was right: its owner comes first from there."""
        self._known.add(f"{asking} {account}")

    def _refused(self, status: int, seconds: int, asking: str) -> LogInRefused:
        self._refusals.add(status, asking, len(self._turns))
        return LogInRefused(status, seconds)


class _Known:
    """Pairs of address and account that logged in, the latest of them. Threads share it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._pairs: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, pair: str) -> bool:
        """Tell whether it logged in."""
        return pair in self._pairs

    def add(self, pair: str) -> None:
        """Remember one, and forget the oldest beyond the bound."""
        with self._lock:
            self._pairs[pair] = None
            self._pairs.move_to_end(pair)
            if len(self._pairs) > MOST_KNOWN:
                self._pairs.popitem(last=False)


class _Refusals:
    """Counts refusals, and tells of them in one line every ten seconds at the most."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._count = 0
        self._quiet_until = 0.0

    def add(self, status: int, asking: str, at_once: int) -> None:
        """Count one, and log if the last line is old enough."""
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now < self._quiet_until:
                return
            self._quiet_until = now + REPORT_SECONDS
            count, self._count = self._count, 0
        log.warning("log_in_refused", status=status, address=asking, count=count, at_once=at_once)


def _table(name: str, permits: int, burst: int) -> ZoneTable:
    return ZoneTable(name=name, scope=Scope.ADDRESS, permits=permits, burst=burst, period_seconds=MINUTE_SECONDS)
