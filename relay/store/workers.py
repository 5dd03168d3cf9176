"""What relay processes say of themselves every few seconds: they are alive, and spent so much of shared zones."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import blocking
from relay.store.scripts import Script
from relay.throttle.zones import ZoneKey

BEAT_SECONDS = 1.0  # how often each says that it is alive
ALIVE_SECONDS = 8.0  # for so long a process that says nothing is taken for alive; its connections count
SETTLE_SECONDS = 2.0  # after a silence of Redis for so long all that were alive before still are: they will speak
MILLION = 1_000_000
BEAT = Script("clock", "beat")
ALIVE_WORKERS = Script("alive_workers")
WINDOWS_SECONDS = 10, 60
GAUGE = Script("gauge")


class Pulse(NamedTuple):
    """What a process hears when it says that it is alive.

    Attributes:
        generation: names the data in which processes say so.
        is_new: some may not have said so yet since it began: nobody can be told to be dead.
        has_lapsed: the process had been taken for dead.
        alive: those that are alive, and for how many seconds without another word.
    """

    generation: str
    is_new: bool
    has_lapsed: bool
    alive: dict[str, float]


async def beat(redis_on_loop: redis.asyncio.Redis, worker: str, generation: str) -> Pulse:
    """Say that ``worker`` is alive. ``generation`` is as last answered, or empty.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    arguments: list[str | int] = [worker, generation, int(ALIVE_SECONDS * MILLION), int(SETTLE_SECONDS * MILLION)]
    answer = await BEAT.run(redis_on_loop, [keys.workers_clock(), keys.workers()], arguments)
    known, is_new, has_lapsed, *alive = cast("list[str | int]", answer)
    left = {str(name): int(us) / MILLION for name, us in zip(alive[::2], alive[1::2], strict=True)}
    return Pulse(str(known), bool(is_new), bool(has_lapsed), left)


async def forget_worker(redis_on_loop: redis.asyncio.Redis, worker: str) -> None:
    """Say that ``worker`` ends.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    await redis_on_loop.zrem(keys.workers(), worker)


def names_of_alive_workers() -> list[str]:
    """The names of all processes that are alive.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    return cast("list[str]", ALIVE_WORKERS.run_in_thread([keys.workers_clock(), keys.workers()], []))


class Spent(NamedTuple):
    """What a worker spent of a zone since it last said so, and what the zone allows in each of ``WINDOWS_SECONDS``."""

    key: ZoneKey
    permits: int
    allowed: tuple[int, int]


class Reading(NamedTuple):
    """What a zone allows in each of ``WINDOWS_SECONDS``, and the most that was admitted, over all processes."""

    zone: str
    allowed: tuple[int, int]
    admitted: tuple[int, int]
    read_at: float  # Unix seconds, by Redis' clock

    @property
    def ratio(self) -> float:
        """The larger of admitted / allowed: more than 1 is an overshoot."""
        return max(count / most for count, most in zip(self.admitted, self.allowed, strict=True))


async def add_spent(
    redis_on_loop: redis.asyncio.Redis, tenant_id: str, spent: Sequence[Spent]
) -> list[tuple[int, int]]:
    """Add what was spent; answers the most that was admitted in each of ``WINDOWS_SECONDS``, zone by zone.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    key_names = [keys.gauges(tenant_id), *(keys.gauge(tenant_id, one.key) for one in spent)]
    arguments: list[str | int] = [len(spent)]
    for one in spent:
        arguments += ["/".join(one.key), one.permits, f"{one.allowed[0]} {one.allowed[1]}"]
    numbers = cast("list[int]", await GAUGE.run(redis_on_loop, key_names, arguments))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def readings(tenant_id: str) -> list[Reading]:
    """What was last read of each shared zone of a tenant that is in use, by name.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    told = cast("dict[str, str]", blocking().hgetall(keys.gauges(tenant_id)))
    found = []
    for zone, text in sorted(told.items()):
        allowed_10, allowed_60, most_10, most_60, read_at = map(int, text.split(" "))
        found.append(Reading(zone, (allowed_10, allowed_60), (most_10, most_60), read_at))
    return found
