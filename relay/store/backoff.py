"""Growing pauses between tries of what keeps failing: each twice as long as the last, and at random a bit shorter."""

import random

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 5.0
SHORTEST_PART = 0.5  # of a pause: relay processes that failed together try again apart


class Backoff:
    """The pauses of one who tries again and again."""

    def __init__(self) -> None:
        """Begin with the shortest pause."""
        self._seconds = FIRST_RETRY_SECONDS

    def reset(self) -> None:
        """Begin anew: something succeeded, or there is something new to try."""
        self._seconds = FIRST_RETRY_SECONDS

    def pause_seconds(self) -> float:
        """How long to pause now; the next pause is longer."""
        seconds, self._seconds = self._seconds, min(2 * self._seconds, LONGEST_RETRY_SECONDS)
        return seconds * random.uniform(SHORTEST_PART, 1)
