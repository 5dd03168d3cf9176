import pytest

from controlplane.simulation.figures import Figures, Tally
from relay.simulation.events import ConnectionName, Event, Kind, Outcome, Result
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, PolicySnapshot, ZonePolicy, ZoneSource

POLICY = PolicySnapshot(
    "policy",
    3,
    (
        ZonePolicy(name="client", permits=1),
        ZonePolicy(name="bytes", permits=1, counted=Counted.BYTES),
        ZonePolicy(name="back", permits=1, direction=Direction.TO_CLIENT),
        ZonePolicy(name="shakes", permits=1, counted=Counted.HANDSHAKES, beyond=Beyond.REJECT),
        ZonePolicy(name="calls", permits=1, counted=Counted.REQUESTS),
        ZonePolicy(name="control", permits=1, counted=Counted.CONTROL_FRAMES),
    ),
)


def _outcome(result, wait_seconds=0.0, zone=None, client="crm", kind=Kind.MESSAGE):
    event = Event(SECOND_NS, ConnectionName(client, "chat", "1"), kind=kind)
    source = ZoneSource("policy", 3, zone) if zone else None
    return Outcome(event, result, SECOND_NS + round(wait_seconds * SECOND_NS), source)


def _figures(*outcomes):
    figures = Figures((POLICY,))
    list(figures.watch(outcome.event for outcome in outcomes))
    for outcome in outcomes:
        figures.add(outcome)
    return figures


def test_waits_are_told_by_nearest_rank():
    tally = Tally()
    for number in range(1, 101):
        tally.add(_outcome(Result.WAITED, number))

    assert tally.wait_seconds() == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def test_without_waits_there_is_none():
    tally = Tally()
    tally.add(_outcome(Result.PASSED))

    assert tally.wait_seconds() is None


def test_what_a_zone_counted_and_did_not_hold_has_passed_it():
    figures = _figures(
        _outcome(Result.PASSED),
        _outcome(Result.WAITED, 2, "client"),
        _outcome(Result.WAITED, 1, "shakes"),
        _outcome(Result.REFUSED, 0, "shakes", kind=Kind.HANDSHAKE),
        _outcome(Result.PASSED, kind=Kind.REQUEST),
        _outcome(Result.WAITED, 1, "calls", kind=Kind.REQUEST),
        _outcome(Result.PASSED, kind=Kind.CONTROL),
        _outcome(Result.PASSED, kind=Kind.FRAGMENT),
        _outcome(Result.PASSED, kind=Kind.LAST_FRAGMENT),
    )

    zones = {
        source.zone: (tally.counts[Result.PASSED], tally.counts[Result.WAITED]) for source, tally in figures.zones()
    }

    assert zones == {
        "client": (2, 1), "bytes": (6, 0), "back": (0, 0), "shakes": (0, 1), "calls": (1, 1), "control": (2, 0),
    }  # fmt: skip


def test_the_json_has_every_count():
    told = _figures(_outcome(Result.PASSED), _outcome(Result.WAITED, 2, "client", "billing")).as_json()

    assert (told["events"], told["seconds"]) == (2, 2)
    assert told["clients"]["billing"]["waited"] == told["kinds"]["message"]["waited"] == 1
    assert told["clients"]["billing"]["wait_seconds"]["max"] == pytest.approx(2)
    assert told["zones"][0] | {"wait_seconds": None} == {
        "policy": "policy", "version": 3, "zone": "client",
        "passed": 1, "waited": 1, "refused": 0, "closed": 0, "skipped": 0, "wait_seconds": None,
    }  # fmt: skip
