"""Who gets how much of a zone that several want more of than there is: weighted max-min shares, class by class.

A client that wants less than its share gets all that it wants, and what it leaves is shared out among the others by
weight (max-min fairness: Bertsekas and Gallager, Data Networks, section 6.5.2). Classes come before one another,
but each has a minimum that the others cannot take from it.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

UNLIMITED = float("inf")


class Priority(IntEnum):
    """Which traffic comes first where a zone is contended; a channel has one."""

    HIGH, NORMAL, LOW = range(3)


# What is kept for a class while it wants it, as parts of the whole. The rest goes to the highest first.
GUARANTEED_PARTS: Mapping[Priority, float] = {Priority.HIGH: 0.5, Priority.NORMAL: 0.25, Priority.LOW: 0.1}


class Demand(NamedTuple):
    """What one client wants of a zone in one class: permits a second, ``UNLIMITED`` where it had to wait for more."""

    priority: Priority
    weight: int
    rate: float


def share_levels(capacity: float, demands: Iterable[Demand]) -> dict[Priority, float]:
    """What each class gives per unit of weight, in permits a second, so that all of ``capacity`` is used.

    A client may have its weight times the level of its class. In a class that has all that it wants, the level is
    what one more client could have without taking anything from the others.

    Args:
        capacity: permits a second that there are.
        demands: one for each client and class.
    """
    known = [demand for demand in demands if demand.rate > 0]
    classes = {priority: _in_order(demand for demand in known if demand.priority is priority) for priority in Priority}
    wanted = {priority: _total(classes[priority]) for priority in Priority}
    parts = {priority: min(wanted[priority], GUARANTEED_PARTS[priority] * capacity) for priority in Priority}
    left = capacity
    for part in parts.values():
        left -= part
    for priority in Priority:
        more = min(left, wanted[priority] - parts[priority])
        parts[priority] += more
        left -= more
    return {
        priority: _level(parts[priority], classes[priority])
        or max(left, GUARANTEED_PARTS[priority] * capacity - wanted[priority], _largest(classes[priority]))
        for priority in Priority
    }


def _in_order(demands: Iterable[Demand]) -> list[Demand]:
    """By what each wants for its weight; the rest makes sums of floats come out the same wherever they are made."""
    return sorted(demands, key=lambda demand: (demand.rate / demand.weight, demand.weight))


def _level(capacity: float, demands: list[Demand]) -> float:
    """The level at which clients that may have ``weight x level`` each use up ``capacity`` together; 0: they can't."""
    left, unserved = capacity, sum(demand.weight for demand in demands)
    for demand in demands:
        if demand.rate * unserved > left * demand.weight:
            return left / unserved
        left -= demand.rate
        unserved -= demand.weight
    return 0.0


def _largest(demands: list[Demand]) -> float:
    return demands[-1].rate / demands[-1].weight if demands else 0.0


def _total(demands: list[Demand]) -> float:
    total = 0.0
    for demand in demands:  # one after the other, as the script does: Python's sum() of floats is more exact
        total += demand.rate
    return total
