"""Whole sessions at random: both ends send, stop, half-close, reset and vanish, while policies change beside them.

After each run whatever still is open goes on, nothing of the run is left in the relay, its places are free, and the
neighbour noticed nothing.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from relay.store.pool import blocking
from relay.throttle.policy import Beyond, Counted, PolicySnapshot, Scope, ZonePolicy
from tests.faults.sessions.endpoint import Endpoint
from tests.faults.sessions.stage import Conversation, Neighbour, Stage, Tenant
from tests.relay import records
from tests.relay.eventually import eventually, turns

Answer = TypeVar("Answer")
PLACES = 4
END_SECONDS = 12.0  # more than any bound on an ending that these runs can meet
CAP = ZonePolicy(name="connections", permits=PLACES, counted=Counted.OPEN_CONNECTIONS, beyond=Beyond.REJECT)
CONTROL = ZonePolicy(
    name="control", permits=50, burst=20, delay=10, counted=Counted.CONTROL_FRAMES, scope=Scope.CONNECTION
)
LIMITS = {
    "none": (),
    "connection": (ZonePolicy(name="own", permits=400, burst=10, delay=5, scope=Scope.CONNECTION),),
    "client": (ZonePolicy(name="shared", permits=400, burst=20, delay=10),),
    "slow": (ZonePolicy(name="shared", permits=5, burst=3, delay=1),),
    "bytes": (ZonePolicy(name="bytes", permits=100_000, burst=20_000, delay=20_000, counted=Counted.BYTES),),
    "control": (CONTROL,),
    "closing": (ZonePolicy(name="shared", permits=20, burst=3, beyond=Beyond.CLOSE, close_after_waiting_seconds=1),),
}
MOST_MESSAGES = 60
sides = st.sampled_from(["client", "platform"])
numbers = st.integers(0, 2)


class Sessions(RuleBasedStateMachine):
    """One client with up to three connections at a time; ``stage`` and ``neighbour`` outlive the runs."""

    stage: ClassVar[Stage]
    neighbour: ClassVar[Neighbour]
    loop: ClassVar[asyncio.AbstractEventLoop]

    @initialize(limit=st.sampled_from(sorted(LIMITS)))
    def begin(self, limit: str) -> None:
        """Have a client with this limit, and no connection yet."""
        self.conversations: list[Conversation | None] = []
        self.exits = AsyncExitStack()
        self.began, self.limits, self.is_revoked = time.monotonic(), [limit], False
        self.platform = self.run(self.exits.enter_async_context(self.stage.platform()))
        self.tenant = Tenant(self.stage, self.platform, policy_of(limit, 1))

    def run(self, what: Coroutine[Any, Any, Answer]) -> Answer:
        """Run it on the test's loop."""
        return self.loop.run_until_complete(what)

    def side(self, number: int, name: str) -> Endpoint | None:
        """One end of one of the connections; nothing where the relay refused it."""
        return getattr(self.conversations[number % len(self.conversations)], name, None)

    @property
    def open_or_over(self) -> list[Conversation]:
        """Connections that the relay accepted."""
        return [one for one in getattr(self, "conversations", ()) if one is not None]

    def open_ones(self) -> bool:
        """Tell whether a connection was opened."""
        return bool(getattr(self, "conversations", None))

    @precondition(lambda self: len(self.conversations) < PLACES - 1 and not self.is_revoked)
    @rule(acknowledges=st.booleans())
    def opens(self, acknowledges: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Connect; the relay may refuse, since those that have gone may still hold a place for a moment."""
        self.conversations.append(self.run(self.tenant.connect(acknowledges=acknowledges)))

    @precondition(open_ones)
    @rule(number=numbers, name=sides, count=st.integers(1, MOST_MESSAGES), size=st.integers(0, 20_000), cut=numbers)
    def sends(self, number: int, name: str, count: int, size: int, cut: int) -> None:
        """Send messages without waiting for anything."""
        if side := self.side(number, name):
            side.send(count, size, cut)

    @precondition(open_ones)
    @rule(number=numbers, name=sides, count=st.integers(1, 30))
    def pings(self, number: int, name: str, count: int) -> None:
        """Send control frames."""
        if side := self.side(number, name):
            side.ping(count)

    @precondition(open_ones)
    @rule(number=numbers, name=sides, how=st.sampled_from(["send_close", "half_close", "close", "reset"]))
    def ends(self, number: int, name: str, how: str) -> None:
        """End one side, in order or not."""
        if side := self.side(number, name):
            getattr(side, how)()

    @precondition(open_ones)
    @rule(number=numbers, name=sides, reads=st.booleans())
    def reads(self, number: int, name: str, reads: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Stop reading, or go on."""
        if side := self.side(number, name):
            (side.read_on if reads else side.stop_reading)()

    @rule(milliseconds=st.sampled_from([0, 1, 5, 20, 60]))
    def time_goes_by(self, milliseconds: int) -> None:
        """Let both sides do what they do."""
        self.run(turns(milliseconds / 1000))

    @rule(limit=st.sampled_from(sorted(LIMITS)))
    def another_version(self, limit: str) -> None:
        """Publish another version of the policy."""
        self.limits.append(limit)
        self.tenant.change(policies=(policy_of(limit, len(self.limits)),))

    @rule()
    def is_revoked_or_allowed(self) -> None:
        """End all tokens of the client, or let new ones in again."""
        self.is_revoked = not self.is_revoked
        self.tenant.change(tokens_valid_from=time.time() + 60 if self.is_revoked else 0.0)

    @rule(milliseconds=st.sampled_from([5, 20, 80]))
    def the_store_pauses(self, milliseconds: int) -> None:
        """Redis answers nobody for a moment."""
        blocking().client_pause(milliseconds, all=True)
        self.run(turns(milliseconds / 1000))

    @invariant()
    def nothing_wrong_came(self) -> None:
        """Both ends see a prefix of what was sent, byte for byte, and nothing behind a Close frame."""
        for conversation in self.open_or_over:
            assert not conversation.wrong, conversation.wrong
        assert not (complaints := self.stage.complaints.taken()), "\n".join(complaints)

    @invariant()
    def the_limit_holds(self) -> None:
        """No more went on than the widest of the limits allows since the beginning."""
        if any(_rate(limit) is None for limit in getattr(self, "limits", ["none"])):
            return
        rates, elapsed = [_rate(limit) or (0, 0) for limit in self.limits], time.monotonic() - self.began
        most = max(permits for permits, _ in rates) * (elapsed + 0.1) + sum(burst + 1 for _, burst in rates)
        assert sum(one.platform.received for one in self.open_or_over) <= most, self.limits

    def teardown(self) -> None:
        """Everybody vanishes; the relay must have forgotten the run, and the neighbour talks on."""
        if hasattr(self, "exits"):
            self.run(self._end())

    async def _end(self) -> None:
        try:
            await self._all_goes_on()
            for conversation in self.open_or_over:
                await conversation.gone()
            record = self.tenant.record
            await _comes(lambda: not self.stage.held(record), "connections are left")
            await _comes(lambda: not self.stage.waiting, "messages stand in line")
            await _comes(lambda: not _waiting(self.stage, record.client_id), "messages count as waiting")
            await self.neighbour.talks()
            await self.neighbour.hears_of_changes()
            await self._places_are_free()
            self.nothing_wrong_came()
        finally:
            await self.exits.aclose()

    async def _all_goes_on(self) -> None:
        """Once nothing is limited and everybody reads, all that was sent arrives, unless the connection ends."""
        both_open = [one for one in self.open_or_over if not (one.client.has_closed or one.platform.has_closed)]
        for conversation in both_open:
            conversation.client.read_on()
            conversation.platform.read_on()
        self._lift_the_limits()
        while not all(one.has_ended or one.has_all for one in both_open):
            arrived = _arrived(both_open)
            await _comes(partial(_differs, both_open, arrived), "some wait, and no message has arrived")

    def _lift_the_limits(self) -> None:
        self.limits.append("none")
        self.tenant.change(policies=(policy_of("none", len(self.limits)),), tokens_valid_from=0.0)

    async def _places_are_free(self) -> None:
        async with asyncio.timeout(END_SECONDS):
            while True:
                again = [one for _ in range(PLACES) if (one := await self.tenant.connect()) is not None]
                for conversation in again:
                    await conversation.gone()
                if len(again) == PLACES:
                    return
                await turns(0.02)


def policy_of(limit: str, version: int) -> PolicySnapshot:
    """That version of the client's policy, with one of ``LIMITS``."""
    return records.policy(CAP, *LIMITS[limit], version=version, policy_id="00000000-0000-4000-8000-000000000001")


def _rate(limit: str) -> tuple[int, int] | None:
    """Permits a second and burst of messages over all connections of the client; none where it has no such limit."""
    [zone] = LIMITS[limit] or (CONTROL,)
    return (zone.permits, zone.burst) if zone.scope is Scope.CLIENT and zone.counted is Counted.MESSAGES else None


def _arrived(conversations: list[Conversation]) -> list[tuple[int, int, bool]]:
    """What has come to both ends of each, and whether it has ended."""
    return [(one.client.received, one.platform.received, one.has_ended) for one in conversations]


def _differs(conversations: list[Conversation], arrived: list[tuple[int, int, bool]]) -> bool:
    return _arrived(conversations) != arrived


def _waiting(stage: Stage, client_id: str) -> int:
    counters: Any = stage.relay.worker.counters
    return sum(one.waiting for flow, one in list(counters.traffic.items()) if flow.client_id == client_id)


async def _comes(condition: Callable[[], object], otherwise: str) -> None:
    try:
        await eventually(lambda: bool(condition()), END_SECONDS)
    except TimeoutError:
        raise AssertionError(f"{otherwise} after {END_SECONDS:g} s") from None
