"""Quiet clients beside a flood: each sends a message every 20 ms, and the time until its echo is kept."""

import asyncio
import time
from collections.abc import Mapping

import websockets

from tests.relay.eventually import turns

PAUSE_SECONDS = 0.02
PERCENTILE = 0.99


async def round_trips_ms(url: str, headers: list[Mapping[str, str]], seconds: float) -> list[float]:
    """All round trips of one client for each of ``headers``, in milliseconds, sorted; every echo must come."""
    each = await asyncio.gather(*(_one(url, own, seconds) for own in headers))
    return sorted(trip for trips in each for trip in trips)


def p99(trips: list[float]) -> float:
    """The 99th percentile."""
    return trips[int(len(trips) * PERCENTILE)]


async def _one(url: str, headers: Mapping[str, str], seconds: float) -> list[float]:
    trips, over_at = [], time.monotonic() + seconds
    async with websockets.connect(url, additional_headers=headers, proxy=None, compression=None) as connection:
        number = 0
        while time.monotonic() < over_at:
            began, number = time.monotonic(), number + 1
            await connection.send(str(number))
            assert await connection.recv() == str(number)
            trips.append((time.monotonic() - began) * 1000)
            await turns(PAUSE_SECONDS)
    return trips
