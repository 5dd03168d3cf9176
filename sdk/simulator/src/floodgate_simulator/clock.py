"""The simulator's only clock: Unix time that never runs backwards."""

import time

_OFFSET_SECONDS = time.time() - time.monotonic()


def unix_now() -> float:
    """Unix time in seconds, by the monotonic clock, so that peaks survive a change of the wall clock."""
    return time.monotonic() + _OFFSET_SECONDS
