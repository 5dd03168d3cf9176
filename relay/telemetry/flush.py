"""Carries the counters of one process to Redis, once a second. Nothing counted is lost while Redis is away."""

import asyncio
import os
import secrets
import time

import msgspec
import structlog

from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.telemetry_stream import append_record
from relay.telemetry.counters import Counters
from relay.telemetry.records import Differences, TelemetryRecord

log = structlog.get_logger()
INTERVAL_SECONDS = 1.0


class Flusher:
    """Makes one record of all that was counted since the last, and sends it until it is taken."""

    def __init__(self, counters: Counters) -> None:
        """Begin with sequence 1, under a name that no other process has."""
        self.worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._counters = counters
        self._differences = Differences()
        self._sequence = 0
        self._unsent: bytes | None = None

    async def flush(self, redis_on_loop: RedisOnLoop, now_unix_seconds: float) -> None:
        """Send what was left unsent, then what came since. A record keeps its sequence when it is sent again.

        Raises:
            StoreUnavailable: Redis did not answer; the next call goes on from there.
        """
        if self._unsent is not None:
            await append_record(redis_on_loop, self._unsent)
        self._unsent = self._next_record(now_unix_seconds)
        await append_record(redis_on_loop, self._unsent)
        self._unsent = None

    def _next_record(self, now_unix_seconds: float) -> bytes:
        self._sequence += 1
        flows, handshakes = self._differences.take(self._counters)
        record = TelemetryRecord(self.worker, self._sequence, now_unix_seconds, flows, handshakes)
        return msgspec.json.encode(record)


async def flush_every_second(redis_on_loop: RedisOnLoop, counters: Counters) -> None:
    """Flush until cancelled, and once more then. Says once that Redis went away and once that it came back."""
    flusher = Flusher(counters)
    is_away = False
    try:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await flusher.flush(redis_on_loop, time.time())
                if is_away:
                    is_away = False
                    log.info("telemetry_store_back")
            except StoreUnavailable as error:
                if not is_away:
                    is_away = True
                    log.warning("telemetry_store_away", error=type(error).__name__)
    finally:
        try:
            await flusher.flush(redis_on_loop, time.time())
        except StoreUnavailable as error:
            log.warning("last_second_not_flushed", error=type(error).__name__)
