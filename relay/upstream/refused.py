"""What one process learned of credentials that platforms refuse, until Redis was told of it."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from relay.store.pool import RedisOnLoop, StoreUnavailable
from relay.store.refusals import Refused, tell_accepted, tell_refused

TELL_SECONDS = 1.0
MOST_UNTOLD = 4096  # credentials, of which the first is forgotten: while Redis is away, nobody can read it anyway


class RefusedCredentials:
    """Refusals and acceptances that nobody was told of, the last of each credential, and who is refused."""

    def __init__(self) -> None:
        """Begin with nothing to tell."""
        self._untold: dict[str, Refused | None] = {}
        self._refused: dict[str, None] = {}  # a set that forgets its first

    def refused(self, credential_id: str, why: str) -> None:
        """Note that a platform refused a credential; ``why`` is its answer in a few words, without the credential."""
        self._note(credential_id, Refused(time.time(), why))
        self._refused[credential_id] = None
        _forget_first(self._refused)

    def accepted(self, credential_id: str) -> None:
        """Note that a platform accepted one."""
        self._refused.pop(credential_id, None)
        self._note(credential_id, None)

    def works(self, credential_id: str) -> None:
        """Note that a socket was opened with one: news where the last that was known is that it is refused."""
        if credential_id in self._refused:
            self.accepted(credential_id)

    async def tell(self, redis_on_loop: RedisOnLoop) -> None:
        """Tell all of it. What could not be told is told next time, unless there is newer by then.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        for credential_id, told in list(self._untold.items()):
            if told is None:
                await tell_accepted(redis_on_loop, credential_id)
            else:
                await tell_refused(redis_on_loop, credential_id, told)
            if self._untold.get(credential_id) is told:
                del self._untold[credential_id]

    async def tell_for_ever(self, redis_on_loop: RedisOnLoop) -> None:
        """Tell once a second what is new."""
        while True:
            with suppress(StoreUnavailable):
                await self.tell(redis_on_loop)
            await asyncio.sleep(TELL_SECONDS)

    def _note(self, credential_id: str, what: Refused | None) -> None:
        self._untold.pop(credential_id, None)
        self._untold[credential_id] = what
        _forget_first(self._untold)


def _forget_first(table: dict[str, Any]) -> None:
    if len(table) > MOST_UNTOLD:
        del table[next(iter(table))]
