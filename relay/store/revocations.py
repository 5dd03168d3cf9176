"""Access tokens that were revoked before their end. Tokens are verified locally, so this list is what stops them."""

import time
from typing import cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import answer_to, blocking

KEPT_BEYOND_END_SECONDS = 60  # relays accept a token for some seconds after its end, by their own clocks


def revoke_token(tenant_id: str, token_id: str, expires_at: float) -> None:
    """List a token as revoked until it would have ended anyway. ``expires_at`` is in Unix seconds.

    Raises:
        StoreUnavailable: Redis did not answer; the token is not revoked.
    """
    key = keys.revoked_tokens(tenant_id)
    with blocking().pipeline(transaction=True) as transaction:
        listed_until = expires_at + KEPT_BEYOND_END_SECONDS
        transaction.zadd(key, {token_id: listed_until})
        transaction.zremrangebyscore(key, "-inf", time.time())
        transaction.expireat(key, int(listed_until) + 1, gt=True)
        transaction.expireat(key, int(listed_until) + 1, nx=True)
        transaction.execute()


def is_token_revoked(tenant_id: str, token_id: str) -> bool:
    """Say whether a token stands on the list.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    return blocking().zscore(keys.revoked_tokens(tenant_id), token_id) is not None


async def load_revoked_tokens(redis_on_loop: redis.asyncio.Redis, tenant_id: str) -> frozenset[str]:
    """Read the ids of all tokens of a tenant that are revoked and would still be valid.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    key = keys.revoked_tokens(tenant_id)
    token_ids = await answer_to(lambda: redis_on_loop.zrangebyscore(key, time.time(), "+inf"))
    return frozenset(cast("list[str]", token_ids))
