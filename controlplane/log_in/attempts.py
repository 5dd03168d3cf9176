"""Holds the log-in of people against guessing and floods: zones before a password is hashed, and few hashes at once.

Nobody can be locked out for good: an account is refused only where too many tries came from the same address, and a
try from elsewhere is at most slowed down.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from controlplane.zone_tables import ZoneTable
from relay.throttle.policy import Scope

LOG_IN_PERMITS, LOG_IN_BURST = 3, 5  # a minute, for an account from one address: people mistype, programs guess
LOG_IN_ADDRESS_PERMITS, LOG_IN_ADDRESS_BURST = 30, 30  # a minute, for one address: an office in the morning
LOG_IN_ACCOUNT_PERMITS, LOG_IN_ACCOUNT_BURST = 6, 10  # a minute, for an account from anywhere; beyond that it is slow
SLOW_SECONDS = 2.0
MOST_HASHES = 2  # a hash takes most of a second of a core; others of web's requests want one too
MOST_LOG_INS = 32  # that wait for their turn; each holds a thread
HASH_WAIT_SECONDS = 4.0
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

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep, hash_wait: float = HASH_WAIT_SECONDS) -> None:
        """Begin with all zones at rest; ``sleep`` slows a try down."""
        self._sleep, self._hash_wait = sleep, hash_wait
        self._addresses = _table("log_in_address", LOG_IN_ADDRESS_PERMITS, LOG_IN_ADDRESS_BURST)
        self._accounts_by_address = _table("log_in", LOG_IN_PERMITS, LOG_IN_BURST)
        self._accounts = _table("log_in_account", LOG_IN_ACCOUNT_PERMITS, LOG_IN_ACCOUNT_BURST)
        self._places = threading.BoundedSemaphore(MOST_LOG_INS)
        self._hashes = threading.BoundedSemaphore(MOST_HASHES)
        self._refusals = _Refusals()

    @contextmanager
    def admitted(self, account: str, asking: str) -> Iterator[None]:
        """Charge one try of ``account`` by the subscriber ``asking``, and keep a turn to hash until the end.

        Raises:
            LogInRefused: it came too often from there, or too many log in at once.
        """
        now_ns = time.monotonic_ns()
        for table, key in ((self._addresses, asking), (self._accounts_by_address, f"{asking} {account}")):
            seconds = table.seconds_to_wait(key, now_ns)
            if seconds:
                raise self._refused(429, seconds, asking)
        is_slow = bool(self._accounts.seconds_to_wait(account, now_ns))
        if not self._places.acquire(blocking=False):
            raise self._refused(503, BUSY_RETRY_SECONDS, asking)
        try:
            if is_slow:
                self._sleep(SLOW_SECONDS)
            if not self._hashes.acquire(timeout=self._hash_wait):
                raise self._refused(503, BUSY_RETRY_SECONDS, asking)
            try:
                yield
            finally:
                self._hashes.release()
        finally:
            self._places.release()

    def _refused(self, status: int, seconds: int, asking: str) -> LogInRefused:
        self._refusals.add(status, asking)
        return LogInRefused(status, seconds)


class _Refusals:
    """Counts refusals, and tells of them in one line every ten seconds at the most."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._count = 0
        self._quiet_until = 0.0

    def add(self, status: int, asking: str) -> None:
        """Count one, and log if the last line is old enough."""
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now < self._quiet_until:
                return
            self._quiet_until = now + REPORT_SECONDS
            count, self._count = self._count, 0
        log.warning("log_in_refused", status=status, address=asking, count=count)


def _table(name: str, permits: int, burst: int) -> ZoneTable:
    return ZoneTable(name=name, scope=Scope.ADDRESS, permits=permits, burst=burst, period_seconds=MINUTE_SECONDS)
