"""Counts at both ends: what senders say they sent, against what the platform says it received."""

import hashlib
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import NamedTuple, TypeAlias

Name: TypeAlias = tuple[str, int]  # a sender, of which there is one for each connection, and a number from 0 on
DIGEST_CHARACTERS = 16


class Received(NamedTuple):
    """One line of the platform's books; ``received_at`` is Unix time."""

    message: str
    connection: int
    received_at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What went wrong with messages, in five numbers."""

    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    late: int = 0

    def __str__(self) -> str:
        """The five numbers, for a line of figures."""
        return "lost {}, duplicated {}, reordered {}, corrupted {}, late {}".format(*astuple(self))


class Ledger:
    """What was sent, by all senders of a test."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sent: Counter[str] = Counter()
        self._cut: set[str] = set()

    @property
    def sent(self) -> int:
        """How many messages were written down."""
        return self._sent.total()

    def next_message(self, sender: str, filler: str = "") -> str:
        """The sender's next message, which counts as sent: number, time, and a digest over all of it."""
        body = f"{sender} {self._sent[sender]} {time.time():.6f} {filler}"
        self._sent[sender] += 1
        return f"{_digest(body)} {body}"

    def take_back(self, sender: str) -> None:
        """The sender's last message was not sent after all: its library refused it."""
        self._sent[sender] -= 1

    def cut(self, sender: str) -> None:
        """The sender's connection broke: what is missing at its end was on the way, and is not lost."""
        self._cut.add(sender)

    def compare(self, received: Iterable[Received], late_seconds: float) -> Verdict:
        """Judge what the platform has received by now, in its order; ``late_seconds`` is how long it may take."""
        seen: Counter[Name] = Counter()
        highest: dict[str, int] = {}
        corrupted = reordered = late = 0
        for message, _, received_at in received:
            name, sent_at = self._read(message)
            if name is None:
                corrupted += 1
                continue
            sender, number = name
            if not seen[name]:
                reordered += number < highest.get(sender, -1)
                late += received_at - sent_at > late_seconds
            seen[name] += 1
            highest[sender] = max(number, highest.get(sender, -1))
        return Verdict(self._lost(seen, highest), seen.total() - len(seen), reordered, corrupted, late)

    def _read(self, message: str) -> tuple[Name | None, float]:
        digest, _, body = message.partition(" ")
        if digest != _digest(body):
            return None, 0.0
        sender, number, sent_at, _ = body.split(" ", 3)
        return ((sender, int(number)), float(sent_at)) if int(number) < self._sent[sender] else (None, 0.0)

    def _lost(self, seen: Mapping[Name, int], highest: Mapping[str, int]) -> int:
        lost = 0
        for sender, sent in self._sent.items():
            due = highest.get(sender, -1) + 1 if sender in self._cut else sent
            lost += sum((sender, number) not in seen for number in range(due))
        return lost


def received_by(control_port: int) -> list[Received]:
    """All that a simulator has kept, oldest first."""
    with urllib.request.urlopen(f"http://127.0.0.1:{control_port}/control/received", timeout=30) as answer:
        lines = [json.loads(line) for line in answer]
    return [Received(line["message"], line["connection"], line["received_at"]) for line in lines]


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode(errors="surrogateescape")).hexdigest()[:DIGEST_CHARACTERS]
