"""Carries the counters of one process to Redis, once a second. Nothing counted is lost while Redis is away."""

import asyncio
import time

import msgspec
import structlog

from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.telemetry_stream import append_record
from relay.telemetry.counters import Counters
from relay.telemetry.differences import Differences, Part
from relay.telemetry.records import TelemetryRecord

log = structlog.get_logger()
INTERVAL_SECONDS = 1.0
MOST_ROWS_A_RECORD = 500  # and one part more: 150 kB as a rule, and never more than 1 MB


class Flusher:
    """Makes a record of all that was counted since the last, or several, and sends each until it is taken."""

    def __init__(self, worker: str, counters: Counters) -> None:
        """Begin with sequence 1, as ``worker``: a name that no other process has."""
        self.worker = worker
        self._differences = Differences(counters)
        self._rows = Part([], [], [])  # taken from the counters, and in no record yet
        self._sequence = 0
        self._unsent: bytes | None = None

    async def flush(self, redis_on_loop: RedisOnLoop, now_unix_seconds: float, *, is_last: bool = False) -> None:
        """Send what was left unsent, then what came since. A record keeps its sequence when it is sent again.

        ``is_last`` says that no other follows: a process without such a record was killed. Other callbacks run
        between the parts of a walk. Cancelled anywhere, nothing is lost: the next call goes on from there.

        Raises:
            StoreUnavailable: Redis did not answer; the same holds.
        """
        if self._unsent is not None:
            await self._send(redis_on_loop, self._unsent)
        for part in self._differences.take(time.monotonic_ns(), now_unix_seconds):
            self._rows.add(part)
            if self._rows.size() > MOST_ROWS_A_RECORD:
                await self._send(redis_on_loop, self._next_record(now_unix_seconds, is_last=False))
            else:
                await asyncio.sleep(0)
        await self._send(redis_on_loop, self._next_record(now_unix_seconds, is_last=is_last))

    async def _send(self, redis_on_loop: RedisOnLoop, encoded: bytes) -> None:
        self._unsent = encoded
        await append_record(redis_on_loop, encoded)
        self._unsent = None

    def _next_record(self, now_unix_seconds: float, *, is_last: bool) -> bytes:
        self._sequence += 1
        rows, self._rows = self._rows, Part([], [], [])
        return msgspec.json.encode(
            TelemetryRecord(self.worker, self._sequence, now_unix_seconds, *rows, is_last=is_last)
        )


async def flush_every_second(redis_on_loop: RedisOnLoop, worker: str, counters: Counters) -> None:
    """Flush at once, until cancelled, and once more then. Says once that Redis went away and once that it came back.

    The first record is empty and makes the process known: if it is killed in its first second, that is a gap too.
    """
    flusher = Flusher(worker, counters)
    is_away = False
    try:
        while True:
            try:
                await flusher.flush(redis_on_loop, time.time())
                if is_away:
                    is_away = False
                    log.info("telemetry_store_back")
            except StoreUnavailable as error:
                if not is_away:
                    is_away = True
                    log.warning("telemetry_store_away", error=type(error).__name__)
            await asyncio.sleep(INTERVAL_SECONDS)
    finally:
        try:
            await flusher.flush(redis_on_loop, time.time(), is_last=True)
        except StoreUnavailable as error:
            log.warning("last_second_not_flushed", error=type(error).__name__)
