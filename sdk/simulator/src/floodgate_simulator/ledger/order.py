"""Sequence numbers in messages: found cheaply, and compared with the last one of the same sender."""

import re
from enum import Enum

SEARCHED_BYTES = 200
REMEMBERED_SENDERS = 10_000

# A number must end within the searched bytes, or a cut one would be taken for another.
_NUMBER = re.compile(rb'"n"\s*:\s*(\d{1,18})(?=[\s,}\]])')
_SENDER = re.compile(rb'"sender"\s*:\s*"([^"\\]*)"')
_LEADING_NUMBER = re.compile(rb"(\d{1,18})[ |]")
_BRACE = 0x7B


class Order(Enum):
    """How a numbered message follows the one before it."""

    IN_ORDER = "in order"
    GAP = "gap"
    DUPLICATE = "duplicate"


class Senders:
    """The last number of each sender of one connection; a sender is named in the message, else it is the connection."""

    __slots__ = ("_last_numbers",)

    def __init__(self) -> None:
        """Begin with no sender known."""
        self._last_numbers: dict[bytes, int] = {}

    def clear(self) -> None:
        """Forget all senders."""
        self._last_numbers.clear()

    def place(self, message: bytes) -> tuple[Order, int]:
        """Say how this text message follows its sender's last one, and how many numbers are missing between them."""
        numbered = _find_number(message)
        if numbered is None:
            return Order.IN_ORDER, 0
        sender, number = numbered
        last = self._last_numbers.get(sender)
        if last is not None and number <= last:
            return Order.DUPLICATE, 0
        if last is None and len(self._last_numbers) >= REMEMBERED_SENDERS:
            del self._last_numbers[next(iter(self._last_numbers))]
        self._last_numbers[sender] = number
        if last is None or number == last + 1:
            return Order.IN_ORDER, 0
        return Order.GAP, number - last - 1


def _find_number(message: bytes) -> tuple[bytes, int] | None:
    """The sender (empty: the connection) and the number of a message, if it has a number."""
    if not message:
        return None
    if message[0] != _BRACE:
        leading = _LEADING_NUMBER.match(message)
        return None if leading is None else (b"", int(leading[1]))
    found = _NUMBER.search(message, 0, SEARCHED_BYTES)
    if found is None:
        return None
    sender = _SENDER.search(message, 0, SEARCHED_BYTES)
    return (b"" if sender is None else sender[1]), int(found[1])
