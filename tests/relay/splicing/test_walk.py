"""Which frames go on together, and that no way to cut a stream gets round a limit."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from relay.simulation.agenda import Agenda
from relay.simulation.events import Kind, Result
from relay.throttle.limiter import SessionLimits
from relay.throttle.policy import Counted, Scope, ZonePolicy
from relay.throttle.zone import Zone
from tests.relay.simulation.traces import BEGAN_NS, play, rules
from tests.relay.splicing.cut_streams import Walker, cut_streams
from tests.relay.throttle.lines import bound_is_kept

CONTROL = ZonePolicy(
    name="control_frames", scope=Scope.CONNECTION, counted=Counted.CONTROL_FRAMES, permits=10, burst=20, delay=20
)


def zone_of_bytes(permits, burst, delay):
    return ZonePolicy(
        name="bytes", scope=Scope.CONNECTION, counted=Counted.BYTES, permits=permits, burst=burst, delay=delay
    )


BYTE_ZONES = st.sampled_from([(1, 0, 0), (100, 0, 0), (1000, 500, 0), (1000, 500, 200), (100_000, 1, 1)]).map(
    lambda fields: zone_of_bytes(*fields)
)


def passed(stream, *zones):
    """When each frame goes on."""
    limits = SessionLimits.of(Zone(zone) for zone in zones).to_platform
    return Walker(stream, limits, Agenda(BEGAN_NS)).run()


def bytes_keep_the_bound(zone, frames):
    """Whether in every stretch of time all but the last that passed is at most rate x time + burst."""
    spent = list(accumulate((size for _, size in frames), initial=0))
    leads = [before * zone.period_ns - at_ns * zone.permits for (at_ns, _), before in zip(frames, spent, strict=False)]
    return all(
        lead - least <= zone.burst * zone.period_ns for lead, least in zip(leads, accumulate(leads, min), strict=True)
    )


@given(stream=cut_streams(), zone=BYTE_ZONES, with_control=st.booleans())
def test_no_cut_of_a_stream_gets_more_bytes_past_a_limit(stream, zone, with_control):
    times = passed(stream, zone, *([CONTROL] if with_control else []))

    frames = [(at_ns, one.size) for at_ns, one in zip(times, stream.frames, strict=True)]
    assert bytes_keep_the_bound(zone, frames)


@given(stream=cut_streams())
def test_no_cut_of_a_stream_gets_more_cheap_frames_past_a_limit(stream):
    cheap = [
        at_ns
        for at_ns, one in zip(passed(stream, CONTROL), stream.frames, strict=True)
        if one.kind is Kind.CONTROL or (one.kind is Kind.FRAGMENT and one.size <= 125)
    ]

    assert bound_is_kept(CONTROL, cheap, ahead=CONTROL.burst)


@given(stream=cut_streams(), zone=BYTE_ZONES, with_control=st.booleans())
def test_the_simulation_lets_each_frame_go_on_when_the_relay_does(stream, zone, with_control):
    zones = zone, *([CONTROL] if with_control else [])

    outcomes = play(rules(*zones), stream.trace())

    assert {one.result for one in outcomes} <= {Result.PASSED, Result.WAITED}
    assert [one.decided_ns for one in outcomes] == passed(stream, *zones)
