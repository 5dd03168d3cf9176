"""What should never happen: it is logged and counted, and ends nothing but what it happened to."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType

import structlog

log = structlog.get_logger()
LOG_EVERY_SECONDS = 1.0  # one line for each place: an exception in a line of thousands would fill the log
_counts: Counter[str] = Counter()
_logged: dict[str, tuple[float, int]] = {}  # by place: when the last line was written, and the count by then


def defects() -> Mapping[str, int]:
    """How many there were since the process began, by where they happened."""
    return _counts


def note_defect(where: str, error: BaseException | None = None) -> None:
    """Count a defect, and log it unless one of the same place was logged just now."""
    _counts[where] += 1
    now, (logged_at, logged_count) = time.monotonic(), _logged.get(where, (0.0, 0))
    if not logged_count or now - logged_at >= LOG_EVERY_SECONDS:
        _logged[where] = now, _counts[where]
        log.error("defect", where=where, count=_counts[where] - logged_count, exc_info=error)


class contained:  # noqa: N801 - read as a word, like contextlib's suppress
    """Have what goes wrong inside the block go no further than the block."""

    __slots__ = ("_otherwise", "_where")

    def __init__(self, where: str, otherwise: Callable[[], None] | None = None) -> None:
        """Count it as a defect of ``where``, and call ``otherwise`` to end what it happened to."""
        self._where, self._otherwise = where, otherwise

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Take in exceptions; a cancellation or the end of the process is none."""
        if not isinstance(error, Exception):
            return False
        note_defect(self._where, error)
        if self._otherwise is not None:
            with contained(self._where):
                self._otherwise()
        return True
