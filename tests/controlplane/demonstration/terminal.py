"""A demo in a pseudo-terminal of a certain size: all that it writes there, and its end."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.controlplane.demonstration.started import command_line, environment

READ_BYTES = 65_536
PATIENCE_SECONDS = 60.0


class Terminal:
    """One `manage.py demo` that believes that somebody watches. Leaves nothing behind."""

    def __init__(self, directory: Path, ports: Mapping[str, int], columns: int, rows: int) -> None:
        """Nothing is started before the block begins."""
        self._command, self._size = command_line(directory, ports), struct.pack("HHHH", rows, columns, 0, 0)
        self.said = ""

    def __enter__(self) -> Self:
        """Start it."""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, self._size)
        variables = {**environment(), "TERM": "xterm"}
        self.process = subprocess.Popen(self._command, env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        with self.process:
            self.process.terminate()
        os.close(self._ours)

    def until(self, words: str) -> None:
        """Read until these words stand there.

        Raises:
            AssertionError: it ended without them, or was silent for ``PATIENCE_SECONDS``.
        """
        while words not in self.said:
            if not self._reads():
                raise AssertionError(f"It ended before it said {words!r}: {self.said}")

    def rest(self) -> str:
        """All that it wrote, at its end."""
        while self._reads():
            pass
        return self.said

    def _reads(self) -> bool:
        assert select.select([self._ours], [], [], PATIENCE_SECONDS)[0], self.said
        try:
            read = os.read(self._ours, READ_BYTES)
        except OSError:  # nobody holds the other side any more
            return False
        self.said += read.decode(errors="replace")
        return bool(read)
