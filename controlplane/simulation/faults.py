"""What is wrong with written policies: collected, so that all is told at once."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from relay.throttle.policy import PolicyRefused

Word = TypeVar("Word", bound=StrEnum)


class PolicyFaults(ValueError):
    """Policies that can't be used. ``sentences`` has one for every fault."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class Checks:
    """Checks what one file says, part by part, and remembers every fault.

    A place is what stands before a fault's sentence, such as ``zones[2].delay``.
    """

    def __init__(self, file_name: str) -> None:
        """Begin without a fault."""
        self._file_name = file_name
        self.sentences: list[str] = []

    def refuse(self, place: str, sentence: str) -> None:
        """Remember a fault."""
        self.sentences.append(": ".join(part for part in (self._file_name, place, sentence) if part))

    def refuse_problems(self, place: str, refusal: PolicyRefused) -> None:
        """Remember all that a zone or policy says against itself, in its own words."""
        for field, sentence in refusal.problems:
            self.refuse(f"{place}.{field}" if place else field, sentence)

    def mapping(self, place: str, given: object, known: Iterable[str]) -> Mapping[str, object]:
        """``given``, if it is a mapping of known names; else what is known of it."""
        known = tuple(known)
        if not isinstance(given, Mapping):
            self.refuse(place, f"fields are expected here: {', '.join(known)}.")
            return {}
        for name in given:
            if name not in known:
                self.refuse(place, f"{name!r} is not known here. Known are {', '.join(known)}.")
        return {name: value for name, value in given.items() if name in known}

    def whole(self, place: str, given: object) -> int:
        """A whole number; 0 after a fault."""
        if isinstance(given, int) and not isinstance(given, bool):
            return given
        self.refuse(place, f"{given!r} is no whole number.")
        return 0

    def number(self, place: str, given: object) -> float:
        """A number; 0 after a fault."""
        if isinstance(given, int | float) and not isinstance(given, bool):
            return given
        self.refuse(place, f"{given!r} is no number.")
        return 0

    def word(self, place: str, given: object, words: type[Word]) -> Word:
        """One of an enumeration's words; the first of them after a fault."""
        values = [word.value for word in words]
        if isinstance(given, str) and given in values:
            return words(given)
        self.refuse(place, f"{given!r} is not known. Choose one of {', '.join(values)}.")
        return words(values[0])

    def raise_if_any(self) -> None:
        """End here if something is wrong.

        Raises:
            PolicyFaults: with all that was remembered.
        """
        if self.sentences:
            raise PolicyFaults(self.sentences)
