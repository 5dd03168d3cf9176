"""Two connections of one client under limits, from their handshakes to their ends; and what must hold afterwards."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from relay.throttle.policy import Beyond, Counted, PolicySnapshot, Scope, ZonePolicy
from tests.faults.injection.faults import Fault
from tests.faults.sessions.stage import Conversation, Stage, Tenant
from tests.relay import records
from tests.relay.eventually import eventually, turns
from tests.relay.integration import RawConnection, drop
from tests.relay.raw_platform import RawPlatform

MESSAGES, PLACES = 14, 2
GONE_SECONDS = 12.0
POLICY_ID = "00000000-0000-4000-8000-000000000002"
ZONES = (
    ZonePolicy(name="connections", permits=PLACES, counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT),
    ZonePolicy(name="handshakes", permits=100, burst=50, delay=50, counted=Counted.HANDSHAKES, beyond=Beyond.REJECT),
    ZonePolicy(name="client", permits=200, burst=10, delay=4),
    ZonePolicy(name="own", permits=150, burst=10, delay=4, scope=Scope.CONNECTION),
    ZonePolicy(name="control", permits=100, burst=10, delay=4, counted=Counted.CONTROL_FRAMES, scope=Scope.CONNECTION),
)


class Platform(StrEnum):
    """How a platform behaves on its open sockets."""

    SILENT = "silent"
    ACKNOWLEDGES = "acknowledges"
    PUSHES = "pushes"


class Scenario:
    """Plays on a stage, with one function armed to fail."""

    def __init__(self, stage: Stage, platform: RawPlatform, kind: Platform, fault: Fault) -> None:
        """Nothing is opened yet, and nothing is armed."""
        self._stage, self._kind, self._fault = stage, kind, fault
        self._tenant = Tenant(stage, platform, _policy(1))
        self._conversations: list[Conversation] = []

    async def handshakes(self) -> None:
        """Shake hands with the fault armed: each ends in an answer or the socket's end, and both in time."""
        self._fault.is_armed = True
        for _ in range(PLACES):
            with suppress(asyncio.IncompleteReadError, ConnectionError):  # an end without an answer is one too
                conversation = await self._tenant.connect(acknowledges=self._kind is Platform.ACKNOWLEDGES)
                if conversation is not None:
                    self._conversations.append(conversation)
        self._fault.is_armed = False

    async def traffic(self) -> None:
        """Talk both ways under limits while the policy changes; at the most one connection dies of the fault."""
        await self._connect_all()
        self._fault.is_armed = True
        for conversation in self._conversations:
            conversation.client.send(MESSAGES, 40, 1)
            conversation.client.ping(6)
            if self._kind is Platform.PUSHES:
                conversation.platform.send(20, 300)
        await turns(0.03)
        self._tenant.change(policies=(_policy(2),))
        await self._comes(
            lambda: self._arrived() + self._fault.has_struck >= PLACES, "the other connection's messages did not arrive"
        )

    async def ends(self) -> None:
        """End one connection in order, and reset the other."""
        self._fault.is_armed = True
        for conversation in self._conversations[:1]:
            conversation.client.send_close()
        for conversation in self._conversations[1:]:
            conversation.client.reset()
        await turns(0.05)
        for conversation in self._conversations:
            conversation.platform.send_close()
        await turns(0.05)

    async def leaves_nothing(self) -> None:
        """All sockets end by themselves where one end is gone; nothing waits; the places can be taken again."""
        self._fault.is_armed = False
        for conversation in self._conversations:
            assert not conversation.wrong, conversation.wrong
            await conversation.gone()
        record = self._tenant.record
        await self._comes(lambda: not self._stage.held(record), "connections are left")
        await self._comes(lambda: not self._stage.waiting, "messages stand in line")
        async with asyncio.timeout(GONE_SECONDS):
            while not await self._takes_all_places():
                await turns(0.05)

    async def _connect_all(self) -> None:
        for _ in range(PLACES):
            conversation = await self._tenant.connect(acknowledges=self._kind is Platform.ACKNOWLEDGES)
            assert conversation is not None
            self._conversations.append(conversation)

    def _arrived(self) -> int:
        """Connections all of whose messages the platform has."""
        return sum(one.platform.received == MESSAGES for one in self._conversations)

    async def _takes_all_places(self) -> bool:
        taken: list[RawConnection] = []
        for _ in range(PLACES):
            status, raw = await self._stage.open(self._tenant.record)
            taken.append(raw)
            if status != 101:
                break
        else:
            status = 0
        for raw in taken:
            await drop(raw.writer)
        return not status

    async def _comes(self, condition: Callable[[], object], otherwise: str) -> None:
        try:
            await eventually(lambda: bool(condition()), GONE_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{otherwise} after {GONE_SECONDS:g} s") from None


def _policy(version: int) -> PolicySnapshot:
    return records.policy(*ZONES, version=version, policy_id=POLICY_ID)
