"""The two profiles under which the table is tried."""

import pytest

from tests.conformance.ground import LIFTED, prepared_ground


@pytest.fixture(scope="module")
def lifted():
    """A relay whose caps are lifted, and a client without limits."""
    with prepared_ground(**LIFTED) as ground:
        yield ground.direct, ground.relayed(ground.client())


@pytest.fixture(scope="module")
def capped():
    """A relay as it comes."""
    with prepared_ground() as ground:
        yield ground
