"""Several relay processes behind one listening socket: starts them, restarts the dead, replaces them one by one.

The socket is this process's, and each child inherits it: a child that ends leaves no connection behind in a queue of
its own, which with SO_REUSEPORT the kernel would reset.
"""

import asyncio
import signal
import socket
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

log = structlog.get_logger()
READY_SECONDS = 60.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
HEALTHY_SECONDS = 30.0  # a child that lived for longer was no failed start
READY = b"ready"
Command = Callable[[Sequence[int]], Sequence[str]]  # from the file descriptors that a child inherits


@dataclass(slots=True)
class Child:
    """One relay process, and our end of its lifeline: it says when it is ready, and ends when we are gone."""

    process: Process
    lifeline: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Supervisor:
    """Keeps ``processes`` children until it is told to end."""

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
        self._children: list[Child | None] = [None] * processes
        self._ending = asyncio.Event()
        self._rolling = asyncio.Lock()
        self._changing = asyncio.Lock()  # who puts a child into a place

    async def run(self) -> None:
        """Start all children and keep them; SIGHUP replaces them one by one, SIGTERM and SIGINT end them."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._end_all)
            loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(self._replace_all()))
            for place in range(len(self._children)):
                tasks.create_task(self._keep(place), name=f"relay process {place}")

    async def _keep(self, place: int) -> None:
        """Hold one place: start a child, and another when it has ended."""
        pause_seconds = 0.0
        while not self._ending.is_set():
            began, status = time.monotonic(), None
            async with self._changing:
                if self._children[place] is None and not self._ending.is_set():
                    self._children[place] = await self._start(place)
            while (child := self._children[place]) is not None:  # a replacement takes the place while we wait
                status = await child.process.wait()
                if child is self._children[place]:
                    self._children[place] = None
            if self._ending.is_set():
                return
            pause_seconds = pause_after(pause_seconds, time.monotonic() - began)
            log.error("relay_process_ended", place=place, status=status, restarts_in_seconds=pause_seconds)
            await asyncio.sleep(pause_seconds)

    async def _start(self, place: int) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            sockets = (self._listener, theirs, *self._operations[place : place + 1])
            handed = [each.fileno() for each in sockets]
            process = await asyncio.create_subprocess_exec(*self._command(handed), pass_fds=handed)
        reader, writer = await asyncio.open_connection(sock=ours)
        if self._ending.is_set():  # the signal came while it was being started
            process.terminate()
        return Child(process, reader, writer)

    async def _replace_all(self) -> None:
        """One after the other: the new one is ready before the old one drains, so that somebody always answers."""
        async with self._rolling:
            for place in range(len(self._children)):
                if self._ending.is_set() or not await self._replace(place):
                    return
            log.info("rolling_restart_done", processes=len(self._children))

    async def _replace(self, place: int) -> bool:
        async with self._changing:
            new = await self._start(place)
            is_ready = await _becomes_ready(new)
            if is_ready:
                former, self._children[place] = self._children[place], new
            else:
                log.error("rolling_restart_stopped", place=place, reason="the new process did not become ready")
                former = new
        if former is not None:
            await self._end(former)
        return is_ready

    async def _end(self, child: Child) -> None:
        with suppress(ProcessLookupError):
            child.process.terminate()
        ended = asyncio.create_task(child.process.wait())
        await asyncio.wait([ended], timeout=self._end_seconds)
        if not ended.done():
            log.error("relay_process_killed", process_id=child.process.pid)
            child.process.kill()
        await ended
        child.writer.close()

    def _end_all(self) -> None:
        """Pass the signal on; a second one tells children to hurry."""
        self._ending.set()
        for child in self._children:
            if child is not None and child.process.returncode is None:
                child.process.terminate()


def pause_after(former_seconds: float, lived_seconds: float) -> float:
    """How long to wait for the next start: each time twice as long, as long as children keep dying early.

    Args:
        former_seconds: the pause before the child that died; 0 before the first.
        lived_seconds: for how long it lived.
    """
    if not former_seconds or lived_seconds > HEALTHY_SECONDS:
        return FIRST_PAUSE_SECONDS
    return min(former_seconds * 2, LONGEST_PAUSE_SECONDS)


async def _becomes_ready(child: Child) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await child.lifeline.read(len(READY)) == READY
    except TimeoutError:
        return False
