"""Lua scripts that run in Redis, each by its digest, and by its text where Redis does not know it yet."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis
import redis.asyncio

from relay.store.pool import blocking

_FOLDER = Path(__file__).parent / "lua"


class Script:
    """Files of ``lua/``, one after the other. All keys carry one hash tag, so that Redis Cluster runs it."""

    def __init__(self, *names: str) -> None:
        """Read the files ``names``."""
        self._text = "".join((_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in names)
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(
        self, redis_on_loop: redis.asyncio.Redis, key_names: Sequence[str], arguments: Sequence[str | int]
    ) -> object:
        """Run it in one round trip; in two where Redis has forgotten it.

        Raises:
            StoreUnavailable: Redis did not answer, or refused.
        """
        with _read_as_text():
            try:
                return await redis_on_loop.evalsha(self._digest, len(key_names), *key_names, *arguments)
            except redis.exceptions.NoScriptError:
                return await redis_on_loop.eval(self._text, len(key_names), *key_names, *arguments)

    def run_in_thread(self, key_names: Sequence[str], arguments: Sequence[str | int]) -> object:
        """The same where there is no event loop.

        Raises:
            StoreUnavailable: Redis did not answer, or refused.
        """
        words = [*key_names, *map(str, arguments)]
        with _read_as_text():
            try:
                return blocking().evalsha(self._digest, len(key_names), *words)
            except redis.exceptions.NoScriptError:
                return blocking().eval(self._text, len(key_names), *words)


@contextmanager
def _read_as_text() -> Iterator[None]:
    """Have an answer that is no text be one that Redis refuses: somebody else wrote into the keys."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise redis.ResponseError("the answer is no text") from error
