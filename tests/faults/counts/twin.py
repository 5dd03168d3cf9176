"""A worker that rolls up when it is told to, as the product does or with a fault: to show that counts can go wrong.

Run as `python -m tests.faults.counts.twin KIND`. It speaks as the workers of tests/relay/beats.py do; some kinds say
``between`` after the sums of a batch, before its position, and stand still there until a line comes.
"""

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import django
from django.db import connection

django.setup()  # what follows is made of models

from relay.tasks import roll_up_telemetry  # noqa: E402
from relay.telemetry import rollups  # noqa: E402
from relay.telemetry.processes import Processes  # noqa: E402
from relay.telemetry.records import TelemetryRecord  # noqa: E402
from relay.telemetry.sums import Sums  # noqa: E402


class StandingSums(Sums):
    """Stored as in the product, in the transaction of the position; then it stands still."""

    def store(self) -> None:
        """Store and stand still."""
        self.commit()
        say("between")
        sys.stdin.readline()

    def commit(self) -> None:
        """Leave the commit to the transaction around it."""
        super().store()


class SumsApart(StandingSums):
    """Stored in a transaction of their own."""

    def commit(self) -> None:
        """Commit at once: another thread has another connection."""
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(self._commit_and_leave).result()

    def _commit_and_leave(self) -> None:
        Sums.store(self)
        connection.close()


class Credulous(Processes):
    """Takes every record for a new one."""

    def take(self, record: TelemetryRecord, now: datetime) -> bool:
        """Remember the record."""
        super().take(record, now)
        return True


KINDS: Mapping[str, Mapping[str, type]] = {
    "as_it_is": {},
    "one_transaction": {"Sums": StandingSums},
    "two_transactions": {"Sums": SumsApart},
    "credulous": {"Processes": Credulous},
}


def say(word: str) -> None:
    """Tell the test how far it is."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(kind: str) -> None:
    """Roll up at each line that comes."""
    vars(rollups).update(KINDS[kind])
    say("ready")
    for _ in sys.stdin:
        roll_up_telemetry()
        say("done")


if __name__ == "__main__":
    main(sys.argv[1])
