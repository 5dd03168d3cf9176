import pytest

from relay.throttle.lots import LEASE_NS, Lot

ASKED_NS = 7_000_000


@pytest.mark.parametrize("begun_ns", [ASKED_NS, ASKED_NS + LEASE_NS // 2])
def test_a_lot_ends_when_it_was_said_to_however_late_it_is_begun(begun_ns):
    assert Lot(5, ASKED_NS, ASKED_NS + LEASE_NS).ends_ns(begun_ns) == ASKED_NS + LEASE_NS


@pytest.mark.parametrize(
    ("begun_ns", "ends_ns"),
    [
        (ASKED_NS + LEASE_NS // 2, ASKED_NS + LEASE_NS // 2 + LEASE_NS),
        (ASKED_NS + LEASE_NS, ASKED_NS + 2 * LEASE_NS),
        (ASKED_NS + LEASE_NS + 1, ASKED_NS + 2 * LEASE_NS),
    ],
)
def test_a_reserve_lasts_from_when_it_is_begun_but_no_longer_than_if_the_rest_had_ended_in_time(begun_ns, ends_ns):
    assert Lot(5, ASKED_NS, ASKED_NS + 2 * LEASE_NS, is_reserve=True).ends_ns(begun_ns) == ends_ns
