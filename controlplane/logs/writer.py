"""Writes log lines from a thread of its own, so that a sink that nobody reads keeps no event loop waiting."""

import logging
import os
import sys
import threading
import time
from functools import partial
from queue import SimpleQueue

import structlog

from controlplane.logs.sampling import Sampling
from controlplane.logs.sinks import Sink, StandardOutput, Syslog, SyslogAddress

MOST_LINES = 10_000  # that wait for the sink; more are dropped and counted
CLOSE_SECONDS = 1.0  # to write what is left, at the end of the process
POLL_SECONDS = 0.005


class LineWriter(logging.Handler):
    """A bounded queue of lines before a sink. A process that was forked has a queue, a thread and a sink of its own.

    Attributes:
        dropped: lines that found no room, or were lost, since the process began.
    """

    def __init__(self, address: SyslogAddress | None = None) -> None:
        """Begin with an empty queue; the thread starts with the first line.

        Without an address the sink is what stdout is now: Celery will put a logger in its place, which would bring
        every line back here.
        """
        super().__init__()
        self._open = partial(Syslog, address) if address else partial(StandardOutput, sys.stdout)
        self.dropped = 0
        self._sampling = Sampling()
        self._told = 0
        self._process_id = 0
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._is_idle = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or count it where the queue is full."""
        if self._process_id != os.getpid():
            self._begin()
        taken = self._sampling.taken(record, time.monotonic())  # logging's own lock is held
        if taken is None:
            return
        if self._lines.qsize() >= MOST_LINES:
            self._drop()
            return
        try:
            line = self.format(taken)
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
        self.dropped = self._told = 0
        threading.Thread(target=self._write, args=(self._open(), self._lines), name="log writer", daemon=True).start()

    def _write(self, sink: Sink, lines: "SimpleQueue[str]") -> None:
        while True:
            line = lines.get()
            try:
                sink.write(line)
                if lines.empty():
                    sink.flush()
                    self._tell_what_was_dropped()
            except (OSError, ValueError):
                self._drop()  # the sink is gone, or the process is ending
            if lines.empty():
                self._is_idle.set()

    def _drop(self) -> None:
        self.acquire()  # logging's own lock: both threads count
        try:
            self.dropped += 1
        finally:
            self.release()

    def _tell_what_was_dropped(self) -> None:
        untold = self.dropped - self._told
        if untold:
            self._told += untold
            structlog.get_logger(__name__).warning("log_lines_dropped", lines=untold)
