"""One relay process as its supervisor sees it: started, ready, alive and ended, at the other end of its lifeline."""

import asyncio
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

log = structlog.get_logger()
READY_SECONDS = 60.0
HEARTBEAT_SECONDS = 1.0
WEDGED_SECONDS = 15.0  # longer than ALIVE_SECONDS: a process that was only stalled first gives up its places under caps
READY, HEARTBEAT, FAILING = b"ready", b".", b"!"
Command = Callable[[Sequence[int]], Sequence[str]]  # from the file descriptors that a child inherits


class Lifeline(asyncio.Protocol):
    """The supervisor's end: the child says when it is ready, then sends heartbeats; it ends when we are gone.

    Attributes:
        is_ready: set as soon as anything was heard.
        is_failing: whether the child has said that it will end by itself.
    """

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.is_ready = asyncio.Event()
        self.is_failing = False
        self._has_heard = False

    def data_received(self, data: bytes) -> None:
        """Take whatever comes first as ready, and all else as a heartbeat."""
        self.is_ready.set()
        self.is_failing = self.is_failing or FAILING in data
        self._has_heard = True

    def take_heartbeat(self) -> bool:
        """Tell whether anything came since the last call."""
        has_heard, self._has_heard = self._has_heard, False
        return has_heard


class Child:
    """One relay process, watched until it has ended.

    Attributes:
        over: gives the exit status once the process has ended.
    """

    def __init__(self, process: Process, transport: asyncio.BaseTransport, lifeline: Lifeline, wedged: float) -> None:
        """Watch a process that was just started, and kill it after so many seconds without a heartbeat."""
        self._process = process
        self._transport = transport
        self._lifeline = lifeline
        self._wedged_seconds = wedged
        self.over = asyncio.create_task(self._live(), name=f"relay process {process.pid}")

    @classmethod
    async def start(
        cls,
        command: Command,
        listener: socket.socket,
        operations: Sequence[socket.socket],
        wedged_seconds: float = WEDGED_SECONDS,
    ) -> "Child":
        """Start a process that inherits ``listener``, its lifeline and ``operations``.

        Raises:
            OSError: the system starts none at the moment.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                handed = [each.fileno() for each in (listener, theirs, *operations)]
                process = await asyncio.create_subprocess_exec(*command(handed), pass_fds=handed)
            ours.settimeout(0)
            transport, lifeline = await asyncio.get_running_loop().create_connection(Lifeline, sock=ours)
        except BaseException:
            ours.close()  # a process that was started after all ends with its lifeline
            raise
        return cls(process, transport, lifeline, wedged_seconds)

    @property
    def is_lost(self) -> bool:
        """Tell whether its place needs another: it has ended, or fails and drains."""
        return self.over.done() or self._lifeline.is_failing

    async def becomes_ready(self) -> bool:
        """Wait until it is ready, and tell whether it ever was."""
        ready = asyncio.create_task(self._lifeline.is_ready.wait())
        await asyncio.wait({ready, self.over}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self._lifeline.is_ready.is_set() and not self.over.done()

    async def end(self, seconds: float) -> None:
        """Send SIGTERM, and SIGKILL after so many seconds."""
        self.terminate()
        await asyncio.wait({self.over}, timeout=seconds)
        if not self.over.done():
            self.kill(f"it did not end within {seconds:g} s of SIGTERM")
            await asyncio.wait({self.over})

    def terminate(self) -> None:
        """Send SIGTERM, if it has not ended."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self, reason: str) -> None:
        """Send SIGKILL, if it has not ended."""
        log.error("relay_process_killed", process_id=self._process.pid, reason=reason)
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _live(self) -> int:
        """Wait for its end, and kill it once its event loop no longer runs.

        Seconds are counted in turns of our own loop: while we are stalled, or the machine sleeps, nobody grows older.
        """
        ended, silent_seconds = asyncio.create_task(self._process.wait()), 0.0
        while not ended.done():
            await asyncio.wait({ended}, timeout=HEARTBEAT_SECONDS)
            silent_seconds = 0.0 if self._lifeline.take_heartbeat() else silent_seconds + HEARTBEAT_SECONDS
            is_ready = self._lifeline.is_ready.is_set()
            if silent_seconds >= (self._wedged_seconds if is_ready else READY_SECONDS):
                self.kill("no heartbeat of its event loop" if is_ready else "it did not become ready")
                silent_seconds = 0.0
        self._transport.close()
        await asyncio.sleep(0)  # asyncio closes it in its next turn, and this may be its last
        return ended.result()
