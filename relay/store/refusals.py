"""Which credentials platforms refused last, and why: relays learn it, and people read it where they enter them."""

from collections.abc import Iterable
from typing import NamedTuple, cast

import msgspec

from relay.store import keys
from relay.store.pool import RedisOnLoop, blocking

KEPT_SECONDS = 86_400  # after the last refusal of any


class Refused(NamedTuple):
    """That a platform refused a credential: when, in Unix seconds, and its answer in a few words."""

    at: float
    why: str


async def tell_refused(redis_on_loop: RedisOnLoop, credential_id: str, refused: Refused) -> None:
    """Say that a credential was refused.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    await redis_on_loop.hset(keys.refusals(), credential_id, msgspec.json.encode(refused).decode())
    await redis_on_loop.expire(keys.refusals(), KEPT_SECONDS)


async def tell_accepted(redis_on_loop: RedisOnLoop, credential_id: str) -> None:
    """Say that a credential was accepted: what was said before is past.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    await redis_on_loop.hdel(keys.refusals(), credential_id)


def read_refusals(credential_ids: Iterable[str]) -> dict[str, Refused]:
    """Which of these credentials are refused, by id.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    ids = list(credential_ids)
    told = cast("list[str | None]", blocking().hmget(keys.refusals(), ids)) if ids else []
    return {one: msgspec.json.decode(text, type=Refused) for one, text in zip(ids, told, strict=True) if text}
