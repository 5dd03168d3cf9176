"""What is seen of a relay process from outside: what the kernel says of it."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.faults.ground.processes import RelayProcess
from tests.relay.eventually import turns

Outcome = TypeVar("Outcome")
LOOK_SECONDS = 0.1


def open_files(relay: RelayProcess) -> int:
    """How many file descriptors the process has."""
    return len(list(Path(f"/proc/{relay.process.pid}/fd").iterdir()))


def threads(relay: RelayProcess) -> int:
    """How many threads the process has."""
    return len(list(Path(f"/proc/{relay.process.pid}/task").iterdir()))


@dataclass(slots=True)
class Watched:
    """What a process had while something went on: the most memory, and files by when they were counted."""

    most_bytes: int
    files: list[tuple[float, int]] = field(default_factory=list)

    @property
    def most_files(self) -> int:
        """The most files that it had."""
        return max(count for _, count in self.files)

    def seconds_over(self, files: int) -> float:
        """From when it first had more than so many files until it last had."""
        over = [at for at, count in self.files if count > files]
        return over[-1] - over[0] if over else 0.0


async def watched(relay: RelayProcess, meanwhile: Awaitable[Outcome]) -> tuple[Watched, Outcome]:
    """What the process had while something went on, and what came of that."""
    under_way, seen = asyncio.ensure_future(meanwhile), Watched(relay.memory_bytes())
    try:
        while not under_way.done():
            await turns(LOOK_SECONDS)
            seen.most_bytes = max(seen.most_bytes, relay.memory_bytes())
            seen.files.append((time.monotonic(), open_files(relay)))
    finally:
        under_way.cancel()
    return seen, await under_way
