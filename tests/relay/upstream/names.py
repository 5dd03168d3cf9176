"""Names in tests: what the system's resolver would answer, and how often it was asked."""

import threading
from collections.abc import Sequence
from typing import TypeAlias

from tests.relay.integration import PATIENCE_SECONDS

Answer: TypeAlias = Sequence[str] | OSError | threading.Event  # addresses, a failure, or silence until it is set


class Names:
    """Stands in for the system's resolver; whoever holds it may change what a name means."""

    def __init__(self, **meanings: Answer) -> None:
        """Know the names of ``meanings`` as hosts under ``.example``."""
        self.meanings = {f"{name}.example": meaning for name, meaning in meanings.items()}
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        """Answer, late where the name means silence."""
        self.asked.append(host)
        meaning = self.meanings[host]
        if isinstance(meaning, threading.Event):
            meaning.wait(PATIENCE_SECONDS)
            return ["192.0.2.99"]
        if isinstance(meaning, OSError):
            raise meaning
        return meaning


class Clock:
    """A monotonic clock that stands still until it is set."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.seconds = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds
