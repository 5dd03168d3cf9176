"""The stream on which relay processes put what they counted, one record a second and worker."""

from pathlib import Path
from typing import NamedTuple, cast

import redis.asyncio

from relay.store import keys
from relay.store.pool import blocking

KEPT = 20_000  # records; at four workers, over an hour for whoever reads them to come back
ROLLED_UP_KEPT_MS = 10_000  # of records that were rolled up, the last: others than the roll-up read along
_FORGET_RECORDS = (Path(__file__).parent / "lua" / "forget_records.lua").read_text(encoding="utf-8")


class Reading(NamedTuple):
    """Records with their positions, and whether they follow the one at which reading had stopped."""

    records: list[tuple[str, str]]
    is_continued: bool


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
    return [(entry_id, fields.get("record", "")) for entry_id, fields in entries]


def read_on(position: str, most: int) -> Reading:
    """Up to ``most`` records after ``position`` if the record there still stands, else from the stream's beginning.

    It is gone where Redis restarted empty or from an older copy, where the clock that positions are made of may have
    gone back, and where more than ``KEPT`` came since. Who counts must recognise what was counted: records may repeat.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    answer = blocking().xrange(keys.telemetry(), min=position, count=most + 1)
    entries = cast("list[tuple[str, dict[str, str]]]", answer)
    if entries and entries[0][0] == position:
        return Reading([(entry_id, fields.get("record", "")) for entry_id, fields in entries[1:]], is_continued=True)
    return Reading(read_records("0", most), is_continued=False)


def forget_records(position: str) -> int:
    """Forget what was rolled up, up to ``position``, but for the last ten seconds of it; answers how many records.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    least_kept = max(0, int(position.partition("-")[0]) - ROLLED_UP_KEPT_MS)
    return cast(int, blocking().eval(_FORGET_RECORDS, 1, keys.telemetry(), position, str(least_kept)))
