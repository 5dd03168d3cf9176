"""What the kernel says about running processes: who belongs together, CPU time, memory. Linux only: reads /proc."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_SESSION, _USER_TICKS, _SYSTEM_TICKS = 3, 11, 12  # places in /proc/PID/stat after the command's closing bracket


def session_members(session_id: int) -> tuple[int, ...]:
    """The processes of one session: a program that was started in its own, and all its children."""
    numbered = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    return tuple(sorted(process_id for process_id in numbered if _session_of(process_id) == session_id))


def cpu_seconds(process_ids: Iterable[int]) -> float:
    """The CPU time, user and system, that these processes have used so far; the kernel counts in 10 ms."""
    ticks = 0
    for process_id in process_ids:
        fields = _stat(process_id)
        ticks += int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
    return ticks / _TICKS_PER_SECOND


def cpu_metric(name: str, process_ids: Collection[int], spent_seconds: float, count: int) -> dict[str, float]:
    """CPU time for each of ``count``, in microseconds; nothing where no process relays."""
    return {name: spent_seconds / count * 1e6} if process_ids else {}


def memory_kib(process_ids: Iterable[int]) -> float:
    """The memory of these processes in KiB, pages that several share counted once (PSS)."""
    return float(sum(_proportional_kib(process_id) for process_id in process_ids))


def _session_of(process_id: int) -> int:
    try:
        return int(_stat(process_id)[_SESSION])
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return 0


def _stat(process_id: int) -> list[str]:
    return (_PROC / str(process_id) / "stat").read_text().rpartition(")")[2].split()


def _proportional_kib(process_id: int) -> int:
    for line in (_PROC / str(process_id) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
