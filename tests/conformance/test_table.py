import asyncio

import pytest

from tests.conformance.conversation import converse, expected_of
from tests.conformance.table.whole import LONG_ROWS, SHORT_ROWS

ROWS = [
    *(pytest.param(row, id=str(row)) for row in SHORT_ROWS),
    *(pytest.param(row, id=str(row), marks=pytest.mark.conformance) for row in LONG_ROWS),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("row", ROWS)
async def test_the_relay_makes_no_difference(row, lifted):
    direct, relayed = await asyncio.gather(*(converse(endpoint, row) for endpoint in lifted))

    assert direct.judged_by(row).essence() == expected_of(row)
    assert relayed.judged_by(row) == direct.judged_by(row)
    assert relayed.code == (row.relayed_closes_with or direct.code)


def test_no_two_rows_have_one_number():
    numbers = [row.number for row in (*SHORT_ROWS, *LONG_ROWS)]

    assert len(numbers) == len(set(numbers))
