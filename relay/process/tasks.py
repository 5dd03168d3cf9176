"""Background tasks: each one has an owner that notices its end, for a process without one of them only half works."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

log = structlog.get_logger()
CANCEL_AGAIN_SECONDS = 0.5


class BackgroundTasks:
    """Tasks that must run until their owner ends them.

    Attributes:
        ended: names of the tasks that ended in any other way, in the order of their ends. The process must be replaced.
    """

    def __init__(self) -> None:
        """Begin without tasks."""
        self.ended: list[str] = []
        self._running: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> list[str]:
        """The names of the tasks that run."""
        return sorted(task.get_name() for task in self._running)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` until ``end`` or ``aclose``. ``name`` appears in the log and in /readyz if it ends earlier."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._note_end)
        return task

    async def end(self, *tasks: asyncio.Task[None]) -> None:
        """End some of the tasks, as planned."""
        self._running.difference_update(tasks)
        await end_tasks(tasks)

    async def aclose(self) -> None:
        """End all tasks that still run."""
        await self.end(*self._running)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Log the end of a task that should still run. A stray cancellation is no planned end either."""
        error = None if task.cancelled() else task.exception()
        if task in self._running:
            self._running.discard(task)
            self.ended.append(task.get_name())
            log.error("background_task_ended", task=task.get_name(), exc_info=error)


async def end_tasks(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: in Python 3.11, asyncio.wait_for loses a cancellation that comes as it completes."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
