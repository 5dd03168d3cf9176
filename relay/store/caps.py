"""Shared limits on handshakes and open connections: exact, and decided in one atomic step for all that apply."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, cast

import redis.asyncio

from relay.store import keys
from relay.store.scripts import Script
from relay.throttle.policy import ZonePolicy
from relay.throttle.zones import ZoneKey

SETTLE_SECONDS = 2.0  # after Redis lost its data: all must have said what they hold
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
        result: whether it is let in.
        refused_by: which of its zones or caps refuses, from 0.
        wait_us: before it may go on; or, where it is not let in, before another try can succeed.
        totals: how many connections each cap counts now, this one included.
    """

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


class Entries(NamedTuple):
    """The answers to several connections.

    Attributes:
        generation: names Redis' data.
        others: other workers whose connections are counted under caps that are full: one of them may be dead.
        each: in the order in which they were asked for.
    """

    generation: str
    others: list[str]
    each: list[Entry]


class Who(NamedTuple):
    """The worker that speaks, for which tenant, and the generation of data that it knows, or "".

    A worker's name is its process's and the number of its life, with a slash between: a process that was taken for
    dead goes on under another name, so that whoever buries it late buries the former one.
    """

    tenant_id: str
    worker: str
    generation: str


async def enter(
    redis_on_loop: redis.asyncio.Redis, who: Who, newcomers: Sequence[Newcomer], dead: Iterable[str] = ()
) -> Entries:
    """Decide connections one after the other: of each all zones are charged and all caps taken, or none.

    Args:
        redis_on_loop: the store.
        who: who asks.
        newcomers: where they have a zone or a cap in common, it is the same in all.
        dead: workers whose connections do not count any more.

    Raises:
        StoreUnavailable: Redis did not answer. The connections may count all the same, until the worker says again
            what it holds.
    """
    tenant_id = who.tenant_id
    zones = _numbered(zone for newcomer in newcomers for zone in newcomer.zones)
    caps = _numbered(cap for newcomer in newcomers for cap in newcomer.caps)
    key_names = [keys.store_clock(tenant_id), *(keys.zone(tenant_id, key) for key, _ in zones)]
    key_names += [keys.cap(tenant_id, cap.key) for cap in caps]
    arguments: list[str | int] = [who.worker, who.generation, int(SETTLE_SECONDS * SECOND_US), " ".join(dead)]
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
    generation, others, *entries = cast("list[Any]", await ENTER.run(redis_on_loop, key_names, arguments))
    return Entries(str(generation), [str(name) for name in others], [_entry(entry) for entry in entries])


def _numbered(found: Iterable[Found]) -> dict[Found, int]:
    """Each once, in order, with its number from 1 on."""
    return {one: number for number, one in enumerate(dict.fromkeys(found), start=1)}


def _entry(answer: Sequence[str | int]) -> Entry:
    result, number, wait_us, *totals = answer
    return Entry(Result(str(result)), int(number) - 1, int(wait_us), tuple(int(total) for total in totals))


async def hold(
    redis_on_loop: redis.asyncio.Redis, who: Who, held: Sequence[Held], *, was_dead: bool = False
) -> tuple[str, list[Holding]]:
    """Say what a worker holds; answers the generation, and what is too much.

    Nothing is too much as long as nobody took the worker for dead: what it holds was let in.

    Args:
        redis_on_loop: the store.
        who: who holds it.
        held: how much, under which caps.
        was_dead: whether its process was taken for dead since it said so last. Else Redis knows from whether it still
            counts what the worker said before.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    tenant_id = who.tenant_id
    key_names = [keys.store_clock(tenant_id), *(keys.cap(tenant_id, cap.key) for cap in held)]
    arguments: list[str | int] = [who.worker, who.generation, int(was_dead), len(held)]
    for cap in held:
        arguments += [cap.connections, cap.limit]
    answer = cast("list[str | int]", await HOLD.run(redis_on_loop, key_names, arguments))
    numbers = [int(number) for number in answer[1:]]
    return str(answer[0]), [Holding(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
