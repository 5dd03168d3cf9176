"""The stream on which relay processes put what they counted, one record a second and worker."""

from typing import cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import blocking

KEPT = 20_000  # records; at four workers, over an hour for whoever reads them to come back


async def append_record(redis_on_loop: redis.asyncio.Redis, encoded: bytes) -> None:
    """Append one record.

    Raises:
        StoreUnavailable: Redis did not answer; the record may have been appended all the same, so it is sent
            again with the sequence number that it has.
    """
    await redis_on_loop.xadd(keys.telemetry(), {"record": encoded}, maxlen=KEPT, approximate=True)


def read_records(position: str, most: int = 1000) -> list[tuple[str, str]]:
    """Up to ``most`` records after ``position`` (``0`` is the beginning), each with its position.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    answer = blocking().xrange(keys.telemetry(), min=f"({position}", count=most)
    entries = cast("list[tuple[str, dict[str, str]]]", answer)
    return [(entry_id, fields["record"]) for entry_id, fields in entries]
