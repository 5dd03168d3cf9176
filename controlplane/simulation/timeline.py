"""How much passed, waited and was refused, slot by slot; the slots grow with the trace, so that they stay few."""

from collections import Counter
from dataclasses import dataclass, field

from relay.simulation.events import Result
from relay.throttle.policy import SECOND_NS

MOST_SLOTS = 60
DAY_SECONDS = 86_400
# Each fits a whole number of times into the next.
SLOT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3_600, 21_600, DAY_SECONDS, 7 * DAY_SECONDS)
MARKS = {Result.PASSED: "#", Result.WAITED: "+", Result.REFUSED: "x", Result.CLOSED: "x"}
BAR_CHARACTERS = 60


@dataclass(slots=True)
class Timeline:
    """Counts by slot of time. A slot has what went on in it, or was refused or closed."""

    slots: list[Counter[Result]] = field(default_factory=list)
    _width: int = 0

    @property
    def slot_seconds(self) -> float:
        """How long a slot is."""
        return SLOT_SECONDS[self._width]

    def add(self, after_ns: int, result: Result) -> None:
        """Count something that happened so long after the beginning."""
        while (number := after_ns // round(self.slot_seconds * SECOND_NS)) >= MOST_SLOTS and self._can_widen():
            self._widen()
        while len(self.slots) <= number:
            self.slots.append(Counter())
        self.slots[number][result] += 1

    def as_json(self) -> dict[str, object]:
        """The slots, each with its beginning in seconds."""
        return {
            "slot_seconds": self.slot_seconds,
            "slots": [
                {"at": round(number * self.slot_seconds, 2)} | {result.value: slot[result] for result in Result}
                for number, slot in enumerate(self.slots)
            ],
        }

    def lines(self) -> list[str]:
        """A bar of text for each slot. Whatever happened at all has one mark at least."""
        largest = max((sum(slot[result] for result in MARKS) for slot in self.slots), default=0)
        scale = max(1.0, largest / BAR_CHARACTERS)
        width = len(f"{len(self.slots) * self.slot_seconds:.2f}")
        return [
            f"{number * self.slot_seconds:{width}.2f} s  {_bar(slot, scale)}".rstrip()
            for number, slot in enumerate(self.slots)
        ]

    def _can_widen(self) -> bool:
        return self._width + 1 < len(SLOT_SECONDS)

    def _widen(self) -> None:
        former = self.slot_seconds
        self._width += 1
        together = round(self.slot_seconds / former)
        groups = range(0, len(self.slots), together)
        self.slots = [sum(self.slots[at : at + together], Counter()) for at in groups]


def _bar(slot: Counter[Result], scale: float) -> str:
    return "".join(mark * max(1, round(slot[result] / scale)) for result, mark in MARKS.items() if slot[result])
