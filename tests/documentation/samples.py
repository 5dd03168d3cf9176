"""The samples of a page, as the tests run them. Runs none itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SAMPLE = re.compile(
    r"^```(?P<words>\w[^\n]*)\n(?P<code>.*?)^```\n"
    r"(?:(?:\n|[^`#\n][^\n]*\n){0,3}```text\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
VARIES = re.escape("...")


@dataclass(frozen=True, slots=True)
class Sample:
    """Code between fences: the words behind the first one say how it runs; what it prints may stand right below."""

    words: str
    code: str
    printed: str


def samples(page: str) -> Iterator[Sample]:
    """All samples of a page, by its path in the project, in order."""
    for found in SAMPLE.finditer((PROJECT / page).read_text(encoding="utf-8")):
        yield Sample(found["words"], found["code"], found["printed"] or "")


def sample(page: str, words: str) -> str:
    """The code of the one sample with these words."""
    [code] = [found.code for found in samples(page) if found.words == words]
    return code


def is_as_told(told: str, printed: str) -> bool:
    """Whether something was printed as a page tells it; three dots stand for what varies."""
    return re.fullmatch(re.escape(told).replace(VARIES, ".+"), printed) is not None
