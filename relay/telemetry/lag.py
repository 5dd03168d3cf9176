"""How far the roll-up is behind the relays."""

import time

from relay.models.position import BEGINNING, THE_ROW, StreamPosition
from relay.store.telemetry_stream import read_on

MS_PER_SECOND = 1000


def rollup_lag_seconds() -> float:
    """The age of the oldest record that waits to be rolled up; 0 where none does.

    Positions are made of Redis' time, so clocks that differ count as lag, or hide it.

    Raises:
        StoreUnavailable: Redis did not answer.
        DatabaseError: the database did not.
    """
    row = StreamPosition.objects.filter(pk=THE_ROW).first()
    waiting = read_on(row.position if row else BEGINNING, 1).records
    if not waiting:
        return 0.0
    made_ms = int(waiting[0][0].partition("-")[0])
    return max(0.0, time.time() - made_ms / MS_PER_SECOND)
