"""Takes permits of shared zones from Redis: one round trip for all zones of a tenant that a worker asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import redis.asyncio

from relay.store import keys
from relay.store.scripts import Script
from relay.throttle.granting import Ask, Debit, Grant, Terms
from relay.throttle.zones import ZoneKey

MILLION = 1_000_000
_FIELDS = 5  # of each zone in the answer
TAKE_LEASES = Script("clock", "take_leases")


class LeaseRequest(NamedTuple):
    """What is asked of one zone.

    Attributes:
        key: whose traffic the zone adds up.
        terms: the limit.
        ask: how much is wanted, and by whom.
        debit: what was granted without asking, while Redis was away.
    """

    key: ZoneKey
    terms: Terms
    ask: Ask
    debit: Debit = Debit()


class LeaseAnswer(NamedTuple):
    """What a zone answers: the grant, and the part of its rate with which to go on if Redis can't be asked."""

    grant: Grant
    share: float


@dataclass(frozen=True, slots=True)
class LeaseAnswers:
    """What a tenant's zones answer, in the order in which they were asked.

    ``generation`` names the data: another one says that Redis lost what it knew.
    """

    generation: str
    answers: list[LeaseAnswer]


async def take_leases(
    redis_on_loop: redis.asyncio.Redis,
    tenant_id: str,
    worker: str,
    generation: str,
    requests: Sequence[LeaseRequest],
) -> LeaseAnswers:
    """Ask all zones in one atomic step.

    Args:
        redis_on_loop: the store.
        tenant_id: whose zones they are.
        worker: who asks; its name has no blanks.
        generation: as last answered, or empty.
        requests: one for each zone and party.

    Raises:
        StoreUnavailable: Redis did not answer, or refused to write. Permits may have been debited all the same:
            they are lost until the rate has brought them back.
    """
    key_names = [keys.store_clock(tenant_id)]
    arguments: list[str | int] = [worker, generation, len(requests)]
    for key, terms, ask, debit in requests:
        key_names += [keys.zone(tenant_id, key), keys.zone_shares(tenant_id, key)]
        party = ask.party
        whose = (party.client_id, int(party.priority), party.weight) if party else ("", 0, 1)
        arguments += [*terms, ask.first, ask.wanted, ask.waited_us, *debit, *whose]
    answer = cast("list[str | int]", await TAKE_LEASES.run(redis_on_loop, key_names, arguments))
    numbers = cast("list[int]", answer[2:])
    answers = [_answer(numbers[at : at + _FIELDS]) for at in range(0, len(numbers), _FIELDS)]
    return LeaseAnswers(str(answer[0]), answers)


def _answer(numbers: Sequence[int]) -> LeaseAnswer:
    permits, opens_in_us, retry_in_us, is_contended, share_ppm = numbers
    return LeaseAnswer(Grant(permits, opens_in_us, retry_in_us, bool(is_contended)), share_ppm / MILLION)
