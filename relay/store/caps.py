"""Shared limits on handshakes and open connections: exact, and decided in one atomic step for all that apply."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, cast

import redis.asyncio

from relay.store import keys
from relay.store.scripts import Script
from relay.throttle.policy import ZonePolicy
from relay.throttle.zones import ZoneKey

ALIVE_SECONDS = 8.0  # for so long a process that says nothing is taken for alive; its connections count
HOLD_SECONDS = 1.5  # how often each says what it holds
SETTLE_SECONDS = 2.0  # after Redis lost its data or was silent: all must have said what they hold
SECOND_US = 1_000_000
US_NS = 1_000
ENTER = Script("clock", "enter")
HOLD = Script("clock", "hold")


class Result(StrEnum):
    """What became of a connection that asked to be let in."""

    IN = "in"
    FULL = "full"  # a cap is used up
    REJECTED = "rejected"  # a zone is used up
    STRANGER = "stranger"  # the worker's connections are not counted: it must say what it holds, then ask again
    UNSETTLED = "unsettled"  # Redis lost its data: not all workers have said yet what they hold


class Entry(NamedTuple):
    """The answer to one connection.

    Attributes:
        generation: names Redis' data.
        result: whether it is let in.
        refused_by: the number of the zone or cap that refuses, from 0.
        wait_us: before it may go on; or, where it is not let in, before another try can succeed.
        totals: how many connections each cap counts now, this one included.
    """

    generation: str
    result: Result
    refused_by: int
    wait_us: int
    totals: tuple[int, ...]


class Held(NamedTuple):
    """What a worker holds under one cap."""

    key: ZoneKey
    connections: int
    limit: int


class Holding(NamedTuple):
    """What Redis says to that: how many of the worker's connections are too many, and how many there are in all."""

    surplus: int
    total: int


class Who(NamedTuple):
    """The worker that speaks, for which tenant, and the generation of data that it knows, or ""."""

    tenant_id: str
    worker: str
    generation: str


async def enter(
    redis_on_loop: redis.asyncio.Redis,
    who: Who,
    zones: Sequence[tuple[ZoneKey, ZonePolicy]],
    caps: Sequence[tuple[ZoneKey, ZonePolicy]],
    *,
    holds_any: bool,
) -> Entry:
    """Charge a handshake to ``zones`` and count a connection under ``caps``: all of them, or none.

    Args:
        redis_on_loop: the store.
        who: who asks.
        zones: limits on handshakes.
        caps: limits on open connections.
        holds_any: whether the worker has said before that it holds connections of the tenant.

    Raises:
        StoreUnavailable: Redis did not answer. The connection may count all the same, until the worker says again
            what it holds.
    """
    tenant_id = who.tenant_id
    key_names = [keys.store_clock(tenant_id), keys.cap_holders(tenant_id)]
    key_names += [keys.zone(tenant_id, key) for key, _ in zones] + [keys.cap(tenant_id, key) for key, _ in caps]
    lives = int(ALIVE_SECONDS * SECOND_US), int(SETTLE_SECONDS * SECOND_US)
    arguments: list[str | int] = [who.worker, who.generation, *lives, int(holds_any), len(zones), len(caps)]
    for _, policy in zones:
        period_us = max(1, policy.period_ns // US_NS)
        interval_us = -(-period_us // policy.permits)  # rounded up, as zone.py does: the rate is never exceeded
        arguments += [policy.permits, period_us, policy.delay * interval_us, policy.burst * interval_us]
    arguments += [policy.permits for _, policy in caps]
    answer = cast("list[str | int]", await ENTER.run(redis_on_loop, key_names, arguments))
    generation, result, number, wait_us, *totals = answer
    return Entry(str(generation), Result(str(result)), int(number) - 1, int(wait_us), tuple(int(t) for t in totals))


async def hold(redis_on_loop: redis.asyncio.Redis, who: Who, held: Sequence[Held]) -> tuple[str, list[Holding]]:
    """Say what a worker holds, and that it is alive; answers the generation, and what is too much.

    Nothing is too much as long as the worker was taken for alive: what it holds was let in.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    tenant_id = who.tenant_id
    key_names = [keys.store_clock(tenant_id), keys.cap_holders(tenant_id)]
    key_names += [keys.cap(tenant_id, cap.key) for cap in held]
    lives = int(ALIVE_SECONDS * SECOND_US), int(SETTLE_SECONDS * SECOND_US)
    arguments: list[str | int] = [who.worker, who.generation, *lives, len(held)]
    for cap in held:
        arguments += [cap.connections, cap.limit]
    answer = cast("list[str | int]", await HOLD.run(redis_on_loop, key_names, arguments))
    numbers = [int(number) for number in answer[1:]]
    return str(answer[0]), [Holding(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
