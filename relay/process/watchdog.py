"""Notices from a thread of its own when the event loop is blocked, and logs where the loop's thread stands."""

import asyncio
import sys
import threading
import time
import traceback

import structlog

log = structlog.get_logger()
BEAT_SECONDS = 0.05
BLOCKED_SECONDS = 0.1
STACK_FRAMES = 12
PAUSE_SECONDS = 1.0  # between two lines of the log


class WatchdogDied(Exception):
    """The thread that watches the event loop has ended: nobody would notice that the loop is blocked."""


class Watchdog:
    """Watches one event loop.

    Attributes:
        longest_lag_seconds: the longest time for which the loop was late, since the process began.
        blocked_times: how often it was late by more than ``BLOCKED_SECONDS``.
    """

    def __init__(self) -> None:
        """Begin to watch when ``beat`` runs."""
        self.longest_lag_seconds = 0.0
        self.blocked_times = 0
        self._beaten_at = 0.0
        self._is_over = threading.Event()
        self._loops_thread = 0

    async def beat(self) -> None:
        """Show that the loop runs, until cancelled; the thread ends with it.

        Raises:
            WatchdogDied: the thread ended before.
        """
        self._loops_thread = threading.get_ident()
        self._beaten_at = time.monotonic()
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                await asyncio.sleep(BEAT_SECONDS)
                now = time.monotonic()
                lag_seconds = now - self._beaten_at - BEAT_SECONDS
                self.longest_lag_seconds = max(self.longest_lag_seconds, lag_seconds)
                self._beaten_at = now
            raise WatchdogDied
        finally:
            self._is_over.set()

    def _watch(self) -> None:
        told_of = told_at = 0.0  # the beat after which nothing came: one line for each time, and one a second
        while not self._is_over.wait(BEAT_SECONDS):
            beaten_at = self._beaten_at
            now = time.monotonic()
            lag_seconds = now - beaten_at - BEAT_SECONDS
            if lag_seconds <= BLOCKED_SECONDS or told_of == beaten_at:
                continue
            told_of = beaten_at
            self.blocked_times += 1
            if now - told_at > PAUSE_SECONDS:
                told_at = now
                log.warning("event_loop_blocked", seconds=round(lag_seconds, 3), stack=self._stack())

    def _stack(self) -> list[str]:
        """Where the loop's thread stands: files, lines and names, no values."""
        frame = sys._current_frames().get(self._loops_thread)  # noqa: SLF001
        return [
            f"{entry.filename}:{entry.lineno} {entry.name}" for entry in traceback.extract_stack(frame)[-STACK_FRAMES:]
        ]
