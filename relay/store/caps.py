"""Shared limits on handshakes and open connections: exact, and decided in one atomic step for all that apply."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, cast

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


Found = TypeVar("Found")


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
        refused_by: which of its zones or caps refuses, from 0.
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


class Newcomer(NamedTuple):
    """A connection that wants to be let in: limits on handshakes, and on open connections.

    Of each cap it says what the worker holds already, without those that are asked for.
    """

    zones: tuple[tuple[ZoneKey, ZonePolicy], ...]
    caps: tuple[Held, ...]


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
    redis_on_loop: redis.asyncio.Redis, who: Who, newcomers: Sequence[Newcomer], *, holds_any: bool
) -> list[Entry]:
    """Decide connections one after the other: of each all zones are charged and all caps taken, or none.

    Args:
        redis_on_loop: the store.
        who: who asks.
        newcomers: where they have a zone or a cap in common, it is the same in all.
        holds_any: whether the worker has said before that it holds connections of the tenant.

    Raises:
        StoreUnavailable: Redis did not answer. The connections may count all the same, until the worker says again
            what it holds.
    """
    tenant_id = who.tenant_id
    zones = _numbered(zone for newcomer in newcomers for zone in newcomer.zones)
    caps = _numbered(cap for newcomer in newcomers for cap in newcomer.caps)
    key_names = [keys.store_clock(tenant_id), keys.cap_holders(tenant_id)]
    key_names += [keys.zone(tenant_id, key) for key, _ in zones] + [keys.cap(tenant_id, cap.key) for cap in caps]
    lives = int(ALIVE_SECONDS * SECOND_US), int(SETTLE_SECONDS * SECOND_US)
    arguments: list[str | int] = [who.worker, who.generation, *lives, int(holds_any)]
    arguments += [len(zones), len(caps), len(newcomers)]
    for _, policy in zones:
        period_us = max(1, policy.period_ns // US_NS)
        interval_us = -(-period_us // policy.permits)  # rounded up, as zone.py does: the rate is never exceeded
        arguments += [policy.permits, period_us, policy.delay * interval_us, policy.burst * interval_us]
    for cap in caps:
        arguments += [cap.limit, cap.connections]
    for newcomer in newcomers:
        arguments.append(" ".join(str(zones[zone]) for zone in newcomer.zones))
        arguments.append(" ".join(str(caps[cap]) for cap in newcomer.caps))
    generation, *entries = cast("list[Any]", await ENTER.run(redis_on_loop, key_names, arguments))
    return [_entry(str(generation), entry) for entry in entries]


def _numbered(found: Iterable[Found]) -> dict[Found, int]:
    """Each once, in order, with its number from 1 on."""
    return {one: number for number, one in enumerate(dict.fromkeys(found), start=1)}


def _entry(generation: str, answer: Sequence[str | int]) -> Entry:
    result, number, wait_us, *totals = answer
    return Entry(generation, Result(str(result)), int(number) - 1, int(wait_us), tuple(int(total) for total in totals))


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
