"""Many clients at once that do anything: garbage instead of requests, broken frames, and ends of every kind."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from websockets.frames import Frame, Opcode

from tests.faults.sessions.endpoint import Endpoint
from tests.faults.sessions.stage import Conversation, Stage, Tenant
from tests.relay.eventually import turns
from tests.relay.integration import RawConnection, drop, raw_connection
from tests.relay.opening import upgrade_request

Act: TypeAlias = Callable[[Endpoint, random.Random], object]
OPCODES = (*range(16),)
ENDS = ("send_close", "half_close", "close", "reset")


async def fuzz(stage: Stage, tenant: Tenant, chance: random.Random, seconds: float) -> int:
    """Be one client after the other for so long; gives how many there were."""
    loop, clients = asyncio.get_running_loop(), 0
    over_at = loop.time() + seconds
    while loop.time() < over_at:
        clients += 1
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            if chance.random() < 0.3:
                await _knock_wrongly(stage, chance)
            else:
                await _converse(tenant, chance)
    return clients


async def _knock_wrongly(stage: Stage, chance: random.Random) -> None:
    raw = await raw_connection(stage.relay.port)
    request = upgrade_request("/v2/websocket/orders", "Authorization: Bearer wrong\r\n")
    sent = chance.choice([chance.randbytes(200), request[: chance.randrange(len(request))], request, request * 3, b""])
    raw.send(sent)
    await _read_a_little(raw, chance)
    if chance.random() < 0.5:
        with suppress(OSError):
            raw.writer.write_eof()
        await _read_a_little(raw, chance)
    await drop(raw.writer)


async def _converse(tenant: Tenant, chance: random.Random) -> None:
    async with asyncio.timeout(5):
        conversation = await tenant.connect(acknowledges=chance.random() < 0.5)
    if conversation is None:
        await turns(0.01)
        return
    try:
        for _ in range(chance.randrange(12)):
            side = conversation.client if chance.random() < 0.6 else conversation.platform
            chance.choice(ACTS)(side, chance)
            await turns(chance.choice([0, 0, 0.001, 0.01]))
        await turns(chance.choice([0, 0.02, 0.1]))
    finally:
        await _gone(conversation, chance)


async def _gone(conversation: Conversation, chance: random.Random) -> None:
    sides = [conversation.client, conversation.platform]
    chance.shuffle(sides)
    for side in sides:
        await side.gone()


async def _read_a_little(raw: RawConnection, chance: random.Random) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(chance.choice([0.001, 0.05])):
            await raw.reader.read(1000)


def _send_broken_frame(side: Endpoint, chance: random.Random) -> None:
    frame = Frame(Opcode.BINARY, chance.randbytes(chance.randrange(300))).serialize(mask=chance.random() < 0.8)
    first = chance.choice(OPCODES) | chance.choice([0, 0x80]) | chance.choice([0, 0, 0x40, 0x70])
    if not (side.has_closed or side.raw.writer.transport.is_closing()):
        side.has_closed = True  # what follows it can't be read as messages
        side.raw.send(bytes([first]), frame[1 : chance.randrange(1, len(frame) + 1)])


ACTS: list[Act] = [
    lambda side, chance: side.send(chance.randrange(60), chance.randrange(3000), chance.randrange(4)),
    lambda side, chance: side.send(chance.randrange(60), 10, chance.randrange(3)),
    lambda side, chance: side.ping(chance.randrange(30)),
    lambda side, chance: (side.stop_reading if chance.random() < 0.5 else side.read_on)(),
    lambda side, chance: getattr(side, chance.choice(ENDS))(),
    _send_broken_frame,
]
