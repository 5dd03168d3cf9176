"""A bound on what may be open at once. Knows nothing of time: rates are zone.py's."""

from relay.throttle.policy import ZoneSource


class Cap:
    """How many connections are open, and how many may be."""

    __slots__ = ("limit", "name", "source", "taken")

    def __init__(self, name: str, limit: int) -> None:
        """Begin with nothing open. ``name`` is the zone's, for the refusal that mentions it."""
        self.name = name
        self.limit = limit
        self.source = ZoneSource("", 0, name)
        self.taken = 0

    @property
    def is_full(self) -> bool:
        """Tell whether one more would be too many. A limit that was lowered lets open ones be."""
        return self.taken >= self.limit

    def take(self) -> None:
        """Count one more as open."""
        self.taken += 1

    def give_back(self) -> None:
        """Count one less as open."""
        self.taken -= 1
