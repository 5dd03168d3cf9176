"""Sides and connections, over zones of one process."""

from dataclasses import replace

import pytest

from relay.simulation.agenda import Agenda, lines_on
from relay.simulation.connections import Connection
from relay.simulation.events import Kind
from relay.throttle.cap import Cap
from relay.throttle.limiter import SessionLimits
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, ZonePolicy, ZoneSource
from relay.throttle.zone import Zone
from tests.relay.simulation.traces import BEGAN_NS, MS, event, told

TEN_A_SECOND = ZonePolicy(name="connection", permits=10)
PINGS = ZonePolicy(name="pings", permits=5, counted=Counted.CONTROL_FRAMES)
BYTES = ZonePolicy(name="bytes", permits=1000, counted=Counted.BYTES)
CLOSING = replace(TEN_A_SECOND, period_ns=86_400 * SECOND_NS, beyond=Beyond.CLOSE, close_after_waiting_seconds=1)


class Ground:
    """Time, lines, and one connection; what becomes of its events is noted."""

    def __init__(self, *zones, caps=()):
        self.agenda, self.outcomes, self.ended = Agenda(BEGAN_NS), [], []
        lines = lines_on(self.agenda)
        limits = SessionLimits.of(Zone(zone) for zone in zones)
        around = self.agenda, lines, self.outcomes.append
        self.connection = Connection(event().connection, limits, caps, around, self.ended.append)

    def play(self, *events):
        for one in events:
            self.agenda.go_to(one.at_ns)
            self.connection.receive(one)
        while self.agenda.go_on():
            pass
        return told(self.outcomes)


@pytest.fixture
def ground():
    ground = Ground(TEN_A_SECOND, PINGS)
    ground.connection.begin()
    return ground


def test_one_message_is_held_and_the_others_wait_behind_it(ground):
    assert ground.play(*[event()] * 3) == [("passed", 0), ("waited", 100), ("waited", 200)]


def test_what_stands_behind_names_the_zone_that_held_the_one_in_front(ground):
    ground.play(event(), event(), event(kind=Kind.CONTROL))

    assert [outcome.zone and outcome.zone.zone for outcome in ground.outcomes] == [None, "connection", "connection"]


def test_pings_have_a_zone_of_their_own_and_one_stream_with_the_messages(ground):
    pings = [event(kind=Kind.CONTROL)] * 2

    assert ground.play(event(), *pings, event()) == [("passed", 0), ("passed", 0), ("waited", 200), ("waited", 200)]


def test_directions_do_not_wait_for_one_another(ground):
    back = event(direction=Direction.TO_CLIENT)

    assert ground.play(event(), event(), back) == [("passed", 0), ("passed", 0), ("waited", 100)]
    assert ground.outcomes[1].event is back


def test_messages_are_charged_by_their_size():
    ground = Ground(BYTES)
    ground.connection.begin()

    assert ground.play(event(size_bytes=300), event(size_bytes=1)) == [("passed", 0), ("waited", 300)]


@pytest.mark.parametrize("kind", [Kind.FRAGMENT, Kind.LAST_FRAGMENT, Kind.CONTROL])
def test_fragments_and_pings_are_charged_by_their_size_too(kind):
    ground = Ground(BYTES)
    ground.connection.begin()

    assert ground.play(event(size_bytes=125, kind=kind), event(size_bytes=1)) == [("passed", 0), ("waited", 125)]


@pytest.mark.parametrize(("kind", "size", "waited_ms"), [
    (Kind.FRAGMENT, 125, 200), (Kind.FRAGMENT, 126, 0), (Kind.LAST_FRAGMENT, 125, 0),
])  # fmt: skip
def test_small_fragments_that_end_no_message_count_as_control_frames(kind, size, waited_ms):
    ground = Ground(PINGS)
    ground.connection.begin()

    outcomes = ground.play(*[event(size_bytes=size, kind=kind)] * 2)

    assert outcomes[1][1] == waited_ms


def test_what_comes_before_the_connection_is_open_is_judged_then():
    ground, zone = Ground(TEN_A_SECOND), ZoneSource("policy", 1, "handshakes")
    ground.agenda.plan(BEGAN_NS + 50 * MS, lambda: ground.connection.begin(zone))

    assert ground.play(event()) == [("waited", 50)]
    assert ground.outcomes[0].zone == zone


def test_a_close_has_its_turn_and_gives_the_places_free():
    cap = Cap("connections", 1)
    ground = Ground(TEN_A_SECOND, caps=[cap])
    ground.connection.begin()
    assert cap.is_full

    assert ground.play(event(), event(), event(kind=Kind.CLOSE)) == [("passed", 0), ("waited", 100)]

    assert (cap.taken, ground.ended) == (0, [ground.connection])


def test_what_has_not_gone_on_when_a_zone_closes_is_lost():
    ground = Ground(CLOSING)
    ground.connection.begin()

    assert ground.play(*[event()] * 3) == [("passed", 0), ("closed", 1000), ("closed", 1000)]
    assert {outcome.zone.zone for outcome in ground.outcomes[1:]} == {"connection"}
    assert ground.ended == [ground.connection]


TWO_A_SECOND = replace(CLOSING, permits=2, period_ns=SECOND_NS)


def results(*at_ms):
    """What becomes of messages that come at these times to a limit of two a second that closes after one."""
    ground = Ground(TWO_A_SECOND)
    ground.connection.begin()
    return [result for result, _ in ground.play(*map(event, at_ms))]


def test_a_wait_has_a_break_when_all_that_was_read_passes_at_once():
    assert results(0, 10, 1500, 1510, 3000, 3010) == ["passed", "waited"] * 3


def test_a_wait_has_a_break_when_all_has_gone_on_and_nothing_comes():
    hour = 3_600_000

    assert results(0, 0, hour, hour) == ["passed", "waited"] * 2


def test_after_a_break_a_message_that_has_to_wait_at_once_begins_another_wait():
    assert results(0, 0, 600, 1100, 1600) == ["passed", *["waited"] * 4]


def test_without_a_break_even_a_message_whose_turn_has_come_is_closed_on():
    found = results(*range(0, 2000, 100))

    assert found[:2] == ["passed", "waited"]
    assert set(found[3:]) == {"closed"}


def test_who_sends_the_next_as_soon_as_the_former_has_gone_on_has_no_break():
    assert results(0, 10, 505, 1005) == ["passed", "waited", "waited", "closed"]
