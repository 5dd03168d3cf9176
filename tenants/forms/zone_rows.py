"""Which rows of a posted form are which stored zones: those of the same name, whatever their ids were."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

MOST_ROWS = 1000  # as many as Django's formsets read
MOST_DIGITS = 9  # Python refuses to read thousands of digits


def with_ids_of(data: QueryDict, prefix: str, stored: Mapping[str, Any]) -> QueryDict:
    """A formset's data with the ids that zones have now; those that are stored come first, as Django wants it.

    To store zones is to replace them all, so the ids that a page was made with may be gone when it is posted.

    Args:
        data: what was posted.
        prefix: of the formset's fields.
        stored: ids by name.
    """
    matched, count = data.copy(), _number(data.get(f"{prefix}-TOTAL_FORMS", ""))
    if count is None:
        matched[f"{prefix}-TOTAL_FORMS"] = ""  # Django says that it is missing
        return matched
    numbers = range(count)
    left = dict(stored)
    ids = [left.pop(data.get(f"{prefix}-{number}-name", "").strip(), "") for number in numbers]
    order = sorted(numbers, key=lambda number: ids[number] == "")
    for key in [key for key in matched if key.startswith(f"{prefix}-") and key.split("-")[1].isdecimal()]:
        del matched[key]
    for place, number in enumerate(order):
        begin = f"{prefix}-{number}-"
        for key in [key for key in data if key.startswith(begin)]:
            matched.setlist(f"{prefix}-{place}-{key.removeprefix(begin)}", data.getlist(key))
        matched[f"{prefix}-{place}-id"] = str(ids[number])
    matched[f"{prefix}-INITIAL_FORMS"] = str(sum(1 for one in ids if one != ""))
    return matched


def _number(text: str) -> int | None:
    """How many rows there are said to be, where that is a number; the formset refuses too many."""
    return min(int(text), MOST_ROWS) if text.isdecimal() and len(text) <= MOST_DIGITS else None
