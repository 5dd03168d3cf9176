"""Several relay processes behind one listening socket: starts them, restarts the dead, replaces them one by one.

The socket is this process's, and each child inherits it: a child that ends leaves no connection behind in a queue of
its own, which with SO_REUSEPORT the kernel would reset.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from relay.process.child import WEDGED_SECONDS, Child, Command

log = structlog.get_logger()
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
HEALTHY_SECONDS = 30.0  # a child that lived for longer was no failed start
LOOK_SECONDS = 0.2  # how often a place sees that its child was replaced
MOST_ROLLS = 2  # the one under way, and one for what was installed meanwhile


class Supervisor:
    """Keeps ``processes`` children until it is told to end. What goes wrong at one place is that place's alone."""

    def __init__(
        self,
        command: Command,
        listener: socket.socket,
        processes: int,
        end_seconds: float,
        operations: Sequence[socket.socket] = (),
    ) -> None:
        """Take what all children share, and what each place has of its own.

        Args:
            command: starts a child that inherits ``listener``, its lifeline, and its place's socket of ``operations``.
            listener: where all children accept clients.
            processes: how many places there are.
            end_seconds: how long a child may take to end before it is killed.
            operations: one listening socket a place, or none at all. Whoever holds the place accepts there.
        """
        self._command = command
        self._listener = listener
        self._operations = operations
        self._end_seconds = end_seconds
        self.wedged_seconds = WEDGED_SECONDS  # that an event loop may stand still, before its process is killed
        self._children: list[Child | None] = [None] * processes
        self._living: set[Child] = set()  # those that were replaced and drain, too
        self._changing = [asyncio.Lock() for _ in range(processes)]  # who puts a child into each place
        self._ending = asyncio.Event()
        self._rolling = asyncio.Lock()
        self._rolls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start all children and keep them; SIGHUP replaces them one by one, SIGTERM and SIGINT end them."""
        loop = asyncio.get_running_loop()
        actions = {signal.SIGTERM: self._end_all, signal.SIGINT: self._end_all, signal.SIGHUP: self._roll}
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        await asyncio.gather(*(self._keep(place) for place in range(len(self._children))))
        await asyncio.gather(*self._rolls, *(child.over for child in self._living), return_exceptions=True)

    async def _keep(self, place: int) -> None:
        """Hold one place: start a child, and another when it has ended or could not be started."""
        pause_seconds = 0.0
        while not self._ending.is_set():
            began = time.monotonic()
            async with self._changing[place]:
                if self._children[place] is None and not self._ending.is_set():
                    self._children[place] = await self._start(place)
            status = await self._status_at_end(place)
            if self._ending.is_set():
                return
            pause_seconds = pause_after(pause_seconds, time.monotonic() - began)
            log.error("relay_process_ended", place=place, status=status, restarts_in_seconds=pause_seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self._ending.wait()

    async def _status_at_end(self, place: int) -> int | None:
        """Wait until the place is empty; another child may take it meanwhile.

        No status where none could be started, or it fails: it still drains then, and ends by itself.
        """
        status = None
        while (child := self._children[place]) is not None:
            await asyncio.wait({child.over}, timeout=LOOK_SECONDS)
            if child.is_lost and child is self._children[place]:
                status, self._children[place] = child.over.result() if child.over.done() else None, None
        return status

    async def _start(self, place: int) -> Child | None:
        """Start a child; if that fails, the log has the reason."""
        operations = self._operations[place : place + 1]
        try:
            child = await Child.start(self._command, self._listener, operations, self.wedged_seconds)
        except Exception:
            log.exception("relay_process_not_started", place=place)
            return None
        self._living.add(child)
        child.over.add_done_callback(lambda _: self._living.discard(child))
        if self._ending.is_set():  # the signal came while it was being started
            child.terminate()
        return child

    def _roll(self) -> None:
        if len(self._rolls) < MOST_ROLLS:
            task = asyncio.create_task(self._replace_all(), name="rolling restart")
            self._rolls.add(task)
            task.add_done_callback(self._rolls.discard)

    async def _replace_all(self) -> None:
        """One after the other: the new one is ready before the old one drains, so that somebody always answers."""
        async with self._rolling:
            for place in range(len(self._children)):
                if self._ending.is_set() or not await self._replace(place):
                    return
            log.info("rolling_restart_done", processes=len(self._children))

    async def _replace(self, place: int) -> bool:
        async with self._changing[place]:
            new = await self._start(place)
            is_ready = new is not None and await new.becomes_ready()
            if is_ready:
                former, self._children[place] = self._children[place], new
            else:
                log.error("rolling_restart_stopped", place=place, reason="the new process did not become ready")
                former = new
        if former is not None:
            await former.end(self._end_seconds)
        return is_ready

    def _end_all(self) -> None:
        """Pass the signal on; a second one tells children to hurry. After ``end_seconds`` all are killed."""
        if not self._ending.is_set():
            self._ending.set()
            asyncio.get_running_loop().call_later(self._end_seconds, self._kill_all)
        for child in self._living:
            child.terminate()

    def _kill_all(self) -> None:
        for child in self._living:
            child.kill(f"it did not end within {self._end_seconds:g} s of SIGTERM")


def pause_after(former_seconds: float, lived_seconds: float) -> float:
    """How long to wait for the next start: each time twice as long, as long as children keep dying early.

    Args:
        former_seconds: the pause before the child that died; 0 before the first.
        lived_seconds: for how long it lived.
    """
    if not former_seconds or lived_seconds > HEALTHY_SECONDS:
        return FIRST_PAUSE_SECONDS
    return min(former_seconds * 2, LONGEST_PAUSE_SECONDS)
