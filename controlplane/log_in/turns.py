"""Turns to compare a password: few at a time, a bounded queue behind them, and a fair order. Knows no zones."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

MOST_HASHES = 2  # a hash takes most of a second of a core; others of web's requests want one too
MOST_SLOW_HASHES = 1  # of accounts that are tried from everywhere: others always find a turn
MOST_LOG_INS = 32  # that wait for their turn; each holds a thread
MOST_OF_AN_ADDRESS = 8  # of them, those that compare included
HASH_WAIT_SECONDS = 4.0


class Rank(IntEnum):
    """Who comes first."""

    KNOWN = 0  # logged in to this account from this address before
    ORDINARY = 1
    SLOW = 2  # an account that is tried too often, from wherever


class NoTurn(Exception):
    """Too many log in at once: the queue was full, the address had its places, or the wait was too long."""


@dataclass(slots=True, eq=False)
class _Place:
    asking: str
    rank: Rank
    others: int  # that its address had when it came
    arrival: int
    decided: threading.Event = field(default_factory=threading.Event)
    has_turn: bool = False

    @property
    def precedence(self) -> tuple[int, int]:
        """The lower, the sooner, whoever came first."""
        return self.rank, self.others

    @property
    def order(self) -> tuple[int, int, int]:
        """The lower, the sooner."""
        return self.rank, self.others, self.arrival


class Turns:
    """The turns of one process. An address' first place comes before any address' second, and takes its room."""

    def __init__(self, wait_seconds: float = HASH_WAIT_SECONDS) -> None:
        """``wait_seconds`` is for how long a place may wait."""
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._places: list[_Place] = []  # of those that wait or compare
        self._arrivals = itertools.count()

    def __len__(self) -> int:
        """How many wait or compare."""
        return len(self._places)

    @contextmanager
    def turn(self, asking: str, rank: Rank) -> Iterator[None]:
        """Wait for a turn of the subscriber ``asking``, and keep it until the end.

        Raises:
            NoTurn: there is none.
        """
        place = self._enter(asking, rank)
        try:
            place.decided.wait(self._wait_seconds)
            if not place.has_turn:
                raise NoTurn
            yield
        finally:
            self._leave(place)

    def _enter(self, asking: str, rank: Rank) -> _Place:
        with self._lock:
            others = sum(place.asking == asking for place in self._places)
            if others >= MOST_OF_AN_ADDRESS:
                raise NoTurn
            place = _Place(asking, rank, others, next(self._arrivals))
            self._make_room(place)
            self._places.append(place)
            self._call()
        return place

    def _make_room(self, newcomer: _Place) -> None:
        """Send the last of a full queue away, if the newcomer comes before it."""
        waiting = self._waiting()
        if len(waiting) < MOST_LOG_INS:
            return
        last = max(waiting, key=lambda place: place.order)
        if last.precedence <= newcomer.precedence:
            raise NoTurn
        self._places.remove(last)
        last.decided.set()

    def _leave(self, place: _Place) -> None:
        with self._lock:
            if place in self._places:
                self._places.remove(place)
            self._call()

    def _call(self) -> None:
        """Give free turns to those that come first."""
        for place in sorted(self._waiting(), key=lambda waiting: waiting.order):
            comparing = [other for other in self._places if other.has_turn]
            slow = sum(other.rank is Rank.SLOW for other in comparing)
            if len(comparing) >= MOST_HASHES:
                return
            if place.rank is not Rank.SLOW or slow < MOST_SLOW_HASHES:
                place.has_turn = True
                place.decided.set()

    def _waiting(self) -> list[_Place]:
        return [place for place in self._places if not place.has_turn]
