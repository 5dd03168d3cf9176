"""How much memory and how many files a relay process may still take, and whether it must refuse newcomers."""

import os
import resource
from pathlib import Path

SHED_RATIO, CLOSE_RATIO = 0.8, 0.9  # of the memory limit
RESERVED_FILES = 64  # for Redis, the database, logs, and an answer to those who are refused
LAST_FILES = 16  # of the reserve: whoever comes now is answered at once, and not given time for a request
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
OWN_MEMORY = Path("/proc/self/statm")
OWN_FILES = Path("/proc/self/fd")  # its size is how many are open, from Linux 6.2 on; to ask for it takes none
LARGEST_STATM_BYTES = 256


class Resources:
    """The bounds of one process. Memory is looked at once a second, files are counted at each newcomer.

    Looking needs no file of its own: the guard must work where none is left.
    """

    def __init__(self, memory_limit_bytes: int) -> None:
        """0 takes the limit of the control group that the process is in, if it has one."""
        self.memory_limit_bytes = memory_limit_bytes or _limit_of_control_group()
        self.most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.memory_bytes = 0
        self._own_memory = OWN_MEMORY.open("rb", buffering=0)

    def look(self) -> None:
        """See how much memory the process has."""
        pages = os.pread(self._own_memory.fileno(), LARGEST_STATM_BYTES, 0).split()[1]
        self.memory_bytes = int(pages) * resource.getpagesize()

    def close(self) -> None:
        """Give back the file that looking uses."""
        self._own_memory.close()

    def refuses(self, files: int, to_come: int = 0) -> str:
        """What is short for a newcomer: memory, files, or nothing.

        Args:
            files: those that clients and platforms have. Where the kernel tells how many are open in all, that counts
                if it is more; else the reserve has to cover the others.
            to_come: those that handshakes under way will open.
        """
        if self._is_over(SHED_RATIO):
            return "memory"
        return "files" if max(files, open_files()) + to_come + RESERVED_FILES >= self.most_files else ""

    @property
    def is_at_last_files(self) -> bool:
        """Tell whether so few files are left that nobody may keep one while deciding what to ask."""
        return open_files() + LAST_FILES >= self.most_files

    @property
    def must_close(self) -> bool:
        """Tell whether those who hold most have to go."""
        return self._is_over(CLOSE_RATIO)

    def _is_over(self, ratio: float) -> bool:
        return 0 < self.memory_limit_bytes * ratio <= self.memory_bytes


def open_files() -> int:
    """How many files this process has open; 0 where the kernel does not tell."""
    return OWN_FILES.stat().st_size


def _limit_of_control_group() -> int:
    try:
        told = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(told) if told.isdecimal() else 0
