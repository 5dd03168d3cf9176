"""Access tokens that were revoked before their end, as relays ask for them; the database has them too.

Relays verify tokens without asking anyone, so this list is what stops them.
"""

import time
from collections.abc import Mapping
from typing import Any, cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import answer_to, blocking

KEPT_BEYOND_END_SECONDS = 60  # relays accept a token for some seconds after its end, by their own clocks


def list_revoked_tokens(tenant_id: str, ends: Mapping[str, float]) -> None:
    """Add tokens, by id, to those of a tenant that are revoked, each until it would have ended, in Unix seconds.

    What is listed stays: of two that write at the same time, neither takes away what the other wrote.

    Raises:
        StoreUnavailable: Redis did not answer; nothing was added.
    """
    if not ends:
        return
    key = keys.revoked_tokens(tenant_id)
    listed_until = {token_id: end + KEPT_BEYOND_END_SECONDS for token_id, end in ends.items()}
    last = int(max(listed_until.values())) + 1
    with blocking().pipeline(transaction=True) as transaction:
        transaction.zadd(key, listed_until)
        transaction.zremrangebyscore(key, "-inf", time.time())
        transaction.expireat(key, last, gt=True)
        transaction.expireat(key, last, nx=True)
        transaction.execute()


async def load_revoked_tokens(redis_on_loop: redis.asyncio.Redis, tenant_id: str) -> frozenset[str]:
    """Read the ids of all tokens of a tenant that are revoked and would still be valid.

    What somebody else wrote there and is no text is no token's id; it keeps none of the others from being read.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    ask: Any = redis_on_loop.execute_command  # redis-py's has no types
    question = ("ZRANGEBYSCORE", keys.revoked_tokens(tenant_id), time.time(), "+inf")
    members = await answer_to(lambda: ask(*question, NEVER_DECODE=True))
    return frozenset(member.decode(errors="replace") for member in cast("list[bytes]", members))
