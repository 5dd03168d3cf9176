"""Permits of one grant, and for how long they may be spent."""

from dataclasses import dataclass

from relay.throttle.policy import LEASE_SECONDS, SECOND_NS

LEASE_NS = int(LEASE_SECONDS * SECOND_NS)


@dataclass(slots=True)
class Lot:
    """The first permit may be spent from ``opens_ns`` on, all of them before ``expires_ns``.

    A reserve is for the time after the permits that came with it: whoever is asked half as often costs half as much.
    It lasts ``LEASE_SECONDS`` from when the first of it may be spent, as any lot does, and not from the answer.
    """

    permits: int
    opens_ns: int
    expires_ns: int
    is_reserve: bool = False

    def ends_ns(self, now_ns: int) -> int:
        """When it ends if it is begun now."""
        return min(self.expires_ns, now_ns + LEASE_NS) if self.is_reserve else self.expires_ns
