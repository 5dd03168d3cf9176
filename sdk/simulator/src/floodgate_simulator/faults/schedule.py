"""All faults that were ordered: which one strikes the next event, and which hold at the moment. Time is passed in."""

import asyncio
from dataclasses import dataclass, field

from floodgate_simulator.faults.fault import Fault, Kind, Target

KEPT_FAULTS = 1_000


@dataclass(slots=True, eq=False)
class OrderedFault:
    """A fault with what has become of it."""

    id: int
    fault: Fault
    expires_at: float | None
    left: int | None
    struck: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)  # set when it is deleted

    def is_active(self, now: float) -> bool:
        """Whether it can still strike."""
        return not self.ended.is_set() and self.left != 0 and (self.expires_at is None or now < self.expires_at)

    def concerns(self, credential: str | None) -> bool:
        """Whether it is meant for this credential."""
        return self.fault.credential in (None, credential)

    def strike(self) -> None:
        """Count one event that it struck."""
        self.struck += 1
        if self.left is not None:
            self.left -= 1

    def as_json(self, now: float) -> dict[str, object]:
        """The order, its id and its state."""
        state = {"id": self.id, "active": self.is_active(now), "left": self.left, "struck": self.struck}
        return state | self.fault.as_json()


class FaultSchedule:
    """The faults in the order in which they came; of several that fit, the oldest strikes."""

    def __init__(self) -> None:
        """Begin with none."""
        self._faults: dict[int, OrderedFault] = {}
        self._ordered = 0
        self.concerns_messages = False  # so that a message without any fault costs one look

    def add(self, fault: Fault, now: float) -> OrderedFault:
        """Order a fault, in force from now on."""
        self._ordered += 1
        life = fault.life_seconds
        ordered = OrderedFault(self._ordered, fault, None if life is None else now + life, fault.strikes)
        self._faults[ordered.id] = ordered
        if len(self._faults) > KEPT_FAULTS:
            self.remove(next(iter(self._faults)))
        self._look_again()
        return ordered

    def strike(self, target: Target, credential: str | None, now: float) -> Fault | None:
        """The fault that strikes this event, which is counted; None: all goes well."""
        ordered = self.strike_and_follow(target, credential, now)
        return None if ordered is None else ordered.fault

    def strike_and_follow(self, target: Target, credential: str | None, now: float) -> OrderedFault | None:
        """The same, for who must know when the fault ends."""
        for ordered in self._faults.values():
            fault = ordered.fault
            if fault.target != target or fault.kind == "slow_read":
                continue
            if ordered.concerns(credential) and ordered.is_active(now):
                ordered.strike()
                return ordered
        return None

    def holding(self, kind: Kind, credential: str, now: float) -> Fault | None:
        """The oldest active fault of this kind on messages that concerns this credential, without striking."""
        for ordered in self._faults.values():
            is_meant = ordered.fault.kind == kind and ordered.fault.target in (None, "message")
            if is_meant and ordered.concerns(credential) and ordered.is_active(now):
                return ordered.fault
        return None

    def find(self, fault_id: int) -> OrderedFault | None:
        """The fault of that id, active or not, unless it was deleted."""
        return self._faults.get(fault_id)

    def remove(self, fault_id: int) -> bool:
        """Delete a fault and end what hangs by it; False: there is none of that id."""
        ordered = self._faults.pop(fault_id, None)
        if ordered is None:
            return False
        ordered.ended.set()
        self._look_again()
        return True

    def clear(self) -> int:
        """Delete all; answer how many there were."""
        fault_ids = list(self._faults)
        for fault_id in fault_ids:
            self.remove(fault_id)
        return len(fault_ids)

    def as_json(self, now: float) -> list[dict[str, object]]:
        """All of them, oldest first."""
        return [ordered.as_json(now) for ordered in self._faults.values()]

    def _look_again(self) -> None:
        self.concerns_messages = any(ordered.fault.target == "message" for ordered in self._faults.values())
