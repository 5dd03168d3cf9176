"""Connections that are opened at a fixed pace and ended at once: in good order and cut, by turns."""

import asyncio
import time

from websockets.frames import Close, Frame, Opcode

from tests.load.generators.handshakes import HANDSHAKE_TIMEOUT_SECONDS, Attempt, attempt
from tests.load.generators.orders import Churn, Churned
from tests.relay.eventually import turns

GOODBYE = Close(1000, "").serialize()


async def churn(order: Churn) -> Churned:
    """Open and end as ordered."""
    outcome, began = Churned(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(order.per_second * order.seconds)):
            await turns(max(0.0, began + number / order.per_second - time.monotonic()))
            group.create_task(_come_and_go(order, number, outcome))
    outcome.seconds = time.monotonic() - began
    return outcome


async def _come_and_go(order: Churn, number: int, outcome: Churned) -> None:
    try:
        connection = await attempt(order.door, number)
        if not connection.is_admitted:
            outcome.failures.append(f"answered {connection.status}")
        elif number % 2:
            await _say_goodbye(connection)
        connection.writer.transport.abort()
    except (OSError, EOFError) as problem:
        outcome.failures.append(repr(problem))
    else:
        outcome.ended += 1


async def _say_goodbye(connection: Attempt) -> None:
    """Close, and wait until the other side has ended the TCP connection."""
    connection.writer.write(Frame(Opcode.CLOSE, GOODBYE).serialize(mask=True))
    async with asyncio.timeout(HANDSHAKE_TIMEOUT_SECONDS):
        await connection.reader.read()
