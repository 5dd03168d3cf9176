import re
from collections import Counter

from tests.architecture.sources import ROOT
from tests.conformance.case import Difference
from tests.conformance.table.whole import LONG_ROWS, SHORT_ROWS

PAGE = (ROOT / "docs" / "reference" / "conformance.md").read_text(encoding="utf-8")
ROWS = (*SHORT_ROWS, *LONG_ROWS)


def test_the_page_tells_how_many_rows_each_group_has():
    told = {int(group): int(count) for group, count in re.findall(r"^\| (\d+) \| .* \| (\d+) \|", PAGE, re.MULTILINE)}

    assert told == Counter(row.group for row in ROWS)


def test_the_page_tells_what_may_differ_in_how_many_rows_and_why():
    counts = Counter(difference for row in ROWS for difference in row.may_differ)

    told = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)

    assert told == [(difference.name, str(counts[difference]), difference.value) for difference in Difference]
