"""Drives one row over one connection, and says what came of it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tests.conformance.case import NO_CODE, NORMAL, Case, Difference, Told, told
from tests.conformance.deflate import Deflate
from tests.conformance.wire import CLOSE, CONTINUATION, FIN, PONG, RSV1, Wire, wire_frame
from tests.relay.eventually import turns
from tests.relay.opening import upgrade_request

PATIENCE_SECONDS = 20.0
WITHOUT_CLOSE_FRAME = 1006
GOODBYE = NORMAL.to_bytes(2)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and what to say for it: whole header lines."""

    port: int
    headers: str = ""
    path: str = "/v2/websocket/echo"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of a row: the echoes, the pongs and the code of the Close frame."""

    messages: tuple[Told, ...]
    pongs: tuple[bytes, ...]
    code: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row. ``end`` is how the socket ended: by the server's FIN, by a reset, or not at all."""

    agreed: str
    messages: tuple[Told, ...]
    pongs: tuple[bytes, ...]
    code: int
    reason: str
    behind_the_close: bytes
    end: str

    def essence(self) -> Expected:
        """What a row has an expectation of."""
        return Expected(self.messages, self.pongs, self.code)

    def judged_by(self, case: Case) -> "Outcome":
        """The same, without what the row lets differ."""
        expected, judged = expected_of(case), self
        if Difference.ECHOES in case.may_differ and expected.messages[: len(self.messages)] == self.messages:
            judged = replace(judged, messages=expected.messages)
        if Difference.ECHOES in case.may_differ and expected.pongs[: len(self.pongs)] == self.pongs:
            judged = replace(judged, pongs=expected.pongs)
        if Difference.REASON in case.may_differ:
            judged = replace(judged, reason="")
        if Difference.CODE in case.may_differ and self.code == case.relayed_closes_with:
            judged = replace(judged, code=expected.code)
        return judged


@lru_cache(maxsize=2)  # what comes of a large row is asked for several times
def expected_of(case: Case) -> Expected:
    """What must come of a row without the relay."""
    messages = tuple(one for sent in case.messages for one in sent.told())
    return Expected(messages, case.pongs, NORMAL if case.closes_with is None else case.closes_with)


async def converse(endpoint: Endpoint, case: Case) -> Outcome:
    """Connect, send what the row says, and listen until the socket ends."""
    wire = await Wire.connected(endpoint.port)
    try:
        offers = f"Sec-WebSocket-Extensions: {case.offers}\r\n" if case.offers else ""
        await wire.write(upgrade_request(endpoint.path, endpoint.headers + offers))
        head = await wire.head()
        assert head.startswith("HTTP/1.1 101 "), head
        conversation = _Conversation(wire, case, _agreed(head))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await conversation.run()
        return conversation.outcome()
    finally:
        wire.close()


@dataclass(slots=True)
class _Conversation:
    wire: Wire
    case: Case
    agreed: str
    messages: list[Told] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    fragments: list[bytes] = field(default_factory=list)
    begun_by: int = CONTINUATION
    close: bytes | None = None
    behind_the_close: bytes = b""
    has_ended: bool = False
    said_goodbye: bool = False

    async def run(self) -> None:
        deflate = Deflate(self.agreed) if self.agreed else None
        speaking = asyncio.create_task(self._speak(deflate))
        try:
            await self._listen(deflate, speaking)
            if self.close is not None and not (self.said_goodbye or self.case.client_closes):
                await speaking
                await self.wire.write(wire_frame(FIN | CLOSE, self.close))
            self.behind_the_close = await self.wire.rest()
            self.has_ended = True
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def outcome(self) -> Outcome:
        code, reason = WITHOUT_CLOSE_FRAME, ""
        if self.close is not None:
            code = int.from_bytes(self.close[:2]) if self.close else NO_CODE
            reason = self.close[2:].decode(errors="replace")
        end = "not at all" if not self.has_ended else "reset" if self.wire.was_reset else "closed"
        pongs = tuple(self.pongs)
        return Outcome(self.agreed, tuple(self.messages), pongs, code, reason, self.behind_the_close, end)

    async def _speak(self, deflate: Deflate | None) -> None:
        for piece in self.case.pieces(deflate):
            if not await self.wire.write(piece):
                return
            if self.case.pause_seconds:
                await turns(self.case.pause_seconds)

    async def _listen(self, deflate: Deflate | None, speaking: asyncio.Task[None]) -> None:
        """Take in what comes, up to a Close frame or the end, and say goodbye when all has come."""
        expected = expected_of(self.case)
        while True:
            if self.case.closes_with is None and not self.said_goodbye and self._has_all(expected):
                await speaking
                await self.wire.write(wire_frame(FIN | CLOSE, GOODBYE))
                self.said_goodbye = True
            came = await self.wire.frame()
            if came is None:
                return
            first, payload = came
            if first == FIN | CLOSE:
                self.close = payload
                return
            if first == FIN | PONG:
                self.pongs.append(payload)
            else:
                self._take_fragment(deflate, first, payload)

    def _take_fragment(self, deflate: Deflate | None, first: int, payload: bytes) -> None:
        if first & ~FIN != CONTINUATION:
            self.begun_by = first & ~FIN
        self.fragments.append(payload)
        if not first & FIN:
            return
        whole = b"".join(self.fragments)
        if deflate is not None and self.begun_by & RSV1:
            whole = deflate.inflated(whole)
        self.messages.append(told(self.begun_by & ~RSV1, whole))
        self.fragments.clear()

    def _has_all(self, expected: Expected) -> bool:
        return len(self.messages) >= len(expected.messages) and len(self.pongs) >= len(expected.pongs)


def _agreed(head: str) -> str:
    lines = [line.partition(": ") for line in head.split("\r\n")]
    return ", ".join(value for name, _, value in lines if name.lower() == "sec-websocket-extensions")
