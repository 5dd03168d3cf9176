"""How much memory and how many files a relay process may still take, and whether it must refuse newcomers."""

import resource
from pathlib import Path

SHED_RATIO, CLOSE_RATIO = 0.8, 0.9  # of the memory limit
RESERVED_FILES = 64  # for Redis, the database, logs, and an answer to those who are refused
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
OWN_MEMORY = Path("/proc/self/statm")


class Resources:
    """The bounds of one process. Memory is looked at once a second, files are counted at each newcomer."""

    def __init__(self, memory_limit_bytes: int) -> None:
        """0 takes the limit of the control group that the process is in, if it has one."""
        self.memory_limit_bytes = memory_limit_bytes or _limit_of_control_group()
        self.most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.memory_bytes = 0

    def look(self) -> None:
        """See how much memory the process has."""
        self.memory_bytes = int(OWN_MEMORY.read_text(encoding="ascii").split()[1]) * resource.getpagesize()

    def refuses(self, files: int) -> str:
        """What is short for a newcomer where ``files`` are open already: memory, files, or nothing."""
        if self._is_over(SHED_RATIO):
            return "memory"
        return "files" if files + RESERVED_FILES >= self.most_files else ""

    @property
    def must_close(self) -> bool:
        """Tell whether those who hold most have to go."""
        return self._is_over(CLOSE_RATIO)

    def _is_over(self, ratio: float) -> bool:
        return 0 < self.memory_limit_bytes * ratio <= self.memory_bytes


def _limit_of_control_group() -> int:
    try:
        told = CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(told) if told.isdecimal() else 0
