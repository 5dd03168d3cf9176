"""A storm of handshakes: programs that want in, and come back sooner than they were told."""

import asyncio
import random
import time

from tests.load.generators.handshakes import Attempt, attempt
from tests.load.generators.orders import Storm, Stormed
from tests.relay.eventually import turns

TOO_MANY = 429
SOONEST_SECONDS, LATEST_SECONDS = 0.5, 1.5  # apart from one another: a storm that lasts, after its first wave


async def storm(order: Storm) -> Stormed:
    """Storm as ordered; who was admitted stays in until the end."""
    outcome, began = Stormed(), time.monotonic()
    programs = [_come_in(order, number, began, outcome) for number in range(order.programs)]
    admitted = await asyncio.gather(*programs)
    for connection in admitted:
        if connection is not None:
            connection.writer.transport.abort()
    return outcome


async def _come_in(order: Storm, number: int, began: float, outcome: Stormed) -> Attempt | None:
    while time.monotonic() - began < order.most_seconds:
        try:
            answer = await attempt(order.door, number)
        except (OSError, EOFError) as problem:
            outcome.untold.append(repr(problem))
        else:
            if answer.is_admitted:
                outcome.admitted_at.append(time.monotonic() - began)
                return answer
            _note_refusal(answer, outcome)
            answer.writer.close()
        await turns(random.uniform(SOONEST_SECONDS, LATEST_SECONDS))
    return None


def _note_refusal(answer: Attempt, outcome: Stormed) -> None:
    if answer.status == TOO_MANY and answer.retry_after.isdecimal() and int(answer.retry_after):
        outcome.told += 1
    else:
        outcome.untold.append(f"{answer.status}, Retry-After: {answer.retry_after!r}")
