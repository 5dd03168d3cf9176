import msgspec
import pytest

from relay.models.rollups import LONGEST_NAME
from relay.telemetry.fields import Count, Name, UnixSeconds


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (Name, "x" * LONGEST_NAME, "x" * (LONGEST_NAME + 1)),
        (Count, 0, -1),
        (Count, 2**53, 2**53 + 1),
        (UnixSeconds, 1_700_000_000.5, -0.5),
        (UnixSeconds, 0.0, 2.0**32),
    ],
)
def test_a_field_takes_what_the_database_takes_and_no_more(field, right, wrong):
    assert msgspec.json.decode(msgspec.json.encode(right), type=field) == right
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(wrong), type=field)
