"""What a connection is given: what its handshake agreed upon, and what it uses of the simulator around it."""

from collections.abc import Callable
from dataclasses import dataclass

from websockets.extensions import Extension

from floodgate_simulator.access.tokens import Token
from floodgate_simulator.faults.fault import Fault
from floodgate_simulator.faults.schedule import FaultSchedule
from floodgate_simulator.ledger.ledger import Ledger
from floodgate_simulator.limits import RateLimit
from floodgate_simulator.settings import OverLimit
from floodgate_simulator.sockets.modes import Mode
from floodgate_simulator.sockets.pushing import PushPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a handshake agreed upon."""

    token: Token
    channel: str
    mode: Mode
    deflate: Extension | None
    limit: RateLimit | None
    over_limit: OverLimit
    retry_after_seconds: int
    max_message_bytes: int
    push_plan: PushPlan


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every connection uses of its simulator."""

    ledger: Ledger
    faults: FaultSchedule
    revoke: Callable[[Fault], None]
    gone: Callable[[int], None]  # told the number of a connection that has ended
