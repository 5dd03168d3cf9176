"""Writes what became of each event of a simulated trace, a JSON line each."""

from typing import BinaryIO

import msgspec

from controlplane.simulation.trace import BEGIN_NS
from relay.simulation.events import Outcome
from relay.throttle.policy import SECOND_NS


class OutcomeWriter:
    """Writes lines to ``file``. ``at`` is the time that the trace gave."""

    def __init__(self, file: BinaryIO) -> None:
        """Write nothing yet."""
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def write(self, outcome: Outcome) -> None:
        """Write one line."""
        event, zone = outcome.event, outcome.zone
        line = {
            "at": (event.at_ns - BEGIN_NS) / SECOND_NS,
            "client": event.connection.client,
            "connection": event.connection.number,
            "channel": event.connection.channel,
            "bytes": event.size_bytes,
            "kind": event.kind,
            "direction": event.direction,
            "result": outcome.result,
            "wait_seconds": outcome.wait_ns / SECOND_NS,
            "policy": zone.policy_id if zone else None,
            "zone": zone.zone if zone else None,
        }
        self._file.write(self._encoder.encode(line) + b"\n")
