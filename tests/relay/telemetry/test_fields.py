import msgspec
import pytest

from relay.models.rollups import LONGEST_CLIENT_ID, LONGEST_NAME, NOBODY
from relay.telemetry.fields import ClientId, Count, Id, Name, UnixSeconds, refuse_half_owners, uuid_of
from tests.relay.counted import TENANT_ID, WHOSE


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (Name, "x" * LONGEST_NAME, "x" * (LONGEST_NAME + 1)),
        (Count, 0, -1),
        (Name, "", "a\0b"),
        (ClientId, "x" * LONGEST_CLIENT_ID, "x" * (LONGEST_CLIENT_ID + 1)),
        (ClientId, "x", "a\0b"),
        (Id, TENANT_ID, TENANT_ID.upper()),
        (Id, "", str(NOBODY)),
        (Count, 2**47, 2**47 + 1),
        (UnixSeconds, 1_700_000_000.5, -0.5),
        (UnixSeconds, 0.0, 2.0**32),
    ],
)
def test_a_field_takes_what_the_database_takes_and_no_more(field, right, wrong):
    assert msgspec.json.decode(msgspec.json.encode(right), type=field) == right
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(wrong), type=field)


def test_an_id_that_is_empty_is_nobodys():
    assert (uuid_of(""), str(uuid_of(TENANT_ID))) == (NOBODY, TENANT_ID)


def test_whatever_is_counted_is_a_clients_or_nobodys():
    refuse_half_owners(*WHOSE)
    refuse_half_owners("", "")
    for half in ((TENANT_ID, ""), ("", "crm-sync")):
        with pytest.raises(ValueError, match="both be set, or neither"):
            refuse_half_owners(*half)
