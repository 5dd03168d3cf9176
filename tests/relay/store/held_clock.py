"""Redis' time as a test sets it: the same scripts, with the time handed in as their last two arguments."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from relay.store.pool import on_loop
from relay.store.scripts import Script

SECOND_US = 1_000_000
BEGINNING_US = 1_790_000_000 * SECOND_US  # as long a number as Redis' time is in these years
Answer = TypeVar("Answer")


class HeldClock:
    """Stands still, but for what a test lets pass."""

    def __init__(self) -> None:
        """Begin at some time of these years."""
        self.now_us = BEGINNING_US

    def go(self, seconds: float) -> None:
        """Let time pass; a negative one steps back."""
        self.now_us += round(seconds * SECOND_US)


class TimedScript(Script):
    """A script that takes the time from a held clock instead of asking Redis for it."""

    def __init__(self, clock: HeldClock, *names: str) -> None:
        """Read the files ``names``."""
        super().__init__(*names)
        asked, handed_in = 'redis.call("TIME")', "{ARGV[#ARGV - 1], ARGV[#ARGV]}"
        if asked not in self._text:
            raise LookupError(f"No script among {names} asks for the time.")
        self._clock = clock
        self._text = self._text.replace(asked, handed_in)
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, redis_on_loop, key_names: Sequence[str], arguments: Sequence[str | int]) -> object:  # noqa: ANN001
        """As it is, at the time of the held clock."""
        time = divmod(self._clock.now_us, SECOND_US)
        return await super().run(redis_on_loop, key_names, [*arguments, *time])

    def run_in_thread(self, key_names: Sequence[str], arguments: Sequence[str | int]) -> object:
        """The same."""
        return super().run_in_thread(key_names, [*arguments, *divmod(self._clock.now_us, SECOND_US)])


class Calls:
    """Calls functions of relay/store one after the other, on a loop of their own: Hypothesis knows no loops."""

    def __init__(self) -> None:
        """Open Redis by the settings of this moment."""
        self._loop = asyncio.new_event_loop()
        self._redis = self._loop.run_until_complete(self._open())

    def __call__(self, function: Callable[..., Awaitable[Answer]], *arguments: object, **options: object) -> Answer:
        """What ``function`` answers, called with Redis and ``arguments``."""

        async def call() -> Answer:
            return await function(self._redis, *arguments, **options)

        return self._loop.run_until_complete(call())

    def close(self) -> None:
        """Close Redis and the loop."""
        self._loop.run_until_complete(self._redis.aclose())
        self._loop.close()

    async def _open(self):  # noqa: ANN202 - a cluster or a single server
        return on_loop()
