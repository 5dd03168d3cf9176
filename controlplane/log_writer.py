"""Writes log lines from a thread of its own, so that a sink that nobody reads keeps no event loop waiting."""

import logging
import os
import sys
import threading
import time
from queue import SimpleQueue

import structlog

MOST_LINES = 10_000  # that wait for the sink; more are dropped and counted
CLOSE_SECONDS = 1.0  # to write what is left, at the end of the process
POLL_SECONDS = 0.005


class LineWriter(logging.Handler):
    """A bounded queue of lines before stdout. A process that was forked has a queue and a thread of its own.

    Attributes:
        dropped: lines that found no room since the last one that told of them.
    """

    def __init__(self) -> None:
        """Begin with an empty queue; the thread starts with the first line.

        The sink is what stdout is now: Celery will put a logger in its place, which would bring every line back here.
        """
        super().__init__()
        self._sink = sys.stdout
        self.dropped = 0
        self._process_id = 0
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._is_idle = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or count it where the queue is full."""
        if self._process_id != os.getpid():
            self._begin()
        if self._lines.qsize() >= MOST_LINES:
            self.dropped += 1
            return
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 -- as logging does: a line that can't be written must not end its writer
            self.handleError(record)
            return
        self._is_idle.clear()
        self._lines.put(line)

    def close(self) -> None:
        """Write what is left, unless the sink is stuck."""
        over_at = time.monotonic() + CLOSE_SECONDS
        if self._process_id == os.getpid():
            while not (self._lines.empty() and self._is_idle.is_set()) and time.monotonic() < over_at:
                self._is_idle.wait(POLL_SECONDS)
        super().close()

    def _begin(self) -> None:
        self._process_id = os.getpid()
        self._lines = SimpleQueue()
        threading.Thread(target=self._write, args=(self._lines,), name="log writer", daemon=True).start()

    def _write(self, lines: "SimpleQueue[str]") -> None:
        while True:
            line = lines.get()
            try:
                self._sink.write(line + "\n")
                if lines.empty():
                    self._sink.flush()
                    self._tell_what_was_dropped()
            except (OSError, ValueError):
                self.dropped += 1  # the sink is gone, or the process is ending
            if lines.empty():
                self._is_idle.set()

    def _tell_what_was_dropped(self) -> None:
        if self.dropped:
            dropped, self.dropped = self.dropped, 0
            structlog.get_logger(__name__).warning("log_lines_dropped", lines=dropped)
