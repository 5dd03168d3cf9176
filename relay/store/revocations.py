"""Access tokens that were revoked before their end. Tokens are verified locally, so this list is what stops them."""

import time
from typing import cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import blocking


def revoke_token(tenant_id: str, token_id: str, expires_at: float) -> None:
    """List a token as revoked until it would have ended anyway. ``expires_at`` is in Unix seconds.

    Raises:
        StoreUnavailable: Redis did not answer; the token is not revoked.
    """
    key = keys.revoked_tokens(tenant_id)
    with blocking().pipeline(transaction=True) as transaction:
        transaction.zadd(key, {token_id: expires_at})
        transaction.zremrangebyscore(key, "-inf", time.time())
        transaction.expireat(key, int(expires_at) + 1, gt=True)
        transaction.expireat(key, int(expires_at) + 1, nx=True)
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
    token_ids = await redis_on_loop.zrangebyscore(keys.revoked_tokens(tenant_id), time.time(), "+inf")
    return frozenset(cast("list[str]", token_ids))
