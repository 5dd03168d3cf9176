"""Whole traces, against what the limiter says when it is driven by hand, and against the bounds."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.simulation.events import Kind, Result
from relay.throttle.fairness import Priority
from relay.throttle.limiter import Limiter
from relay.throttle.lines import PACING_QUANTUM_NS
from relay.throttle.policy import LEASE_SECONDS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.verdict import PASS, Action
from relay.throttle.zone import Zone
from tests.relay.records import policy
from tests.relay.simulation.recorded import Planned, record
from tests.relay.simulation.traces import BEGAN_NS, MS, event, play, rules, shares, told
from tests.relay.throttle.fleet import most_over
from tests.relay.throttle.lines import bound_is_kept
from tests.relay.throttle.traffic import DAY_NS, limited_traffic, rejecting

HANDSHAKES = ZonePolicy(
    name="handshakes", counted=Counted.HANDSHAKES, permits=1, burst=3, delay=1, beyond=Beyond.REJECT
)
CAP = ZonePolicy(name="connections", counted=Counted.OPEN_CONNECTIONS, permits=2, beyond=Beyond.REJECT)
TENANT = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=200, burst=20, delay=20)
SLOW = ZonePolicy(name="tenant", scope=Scope.TENANT, permits=5, burst=2, delay=1)


def _by_hand(policy, arrivals_ns):
    """When each message goes on that one connection sends, from the limiter's own verdicts."""
    zone = Zone(policy)
    limiter, free_ns, went_on_ns = Limiter([zone]), 0, []
    for arrival_ns in arrivals_ns:
        now_ns = came_ns = max(arrival_ns, free_ns)
        verdict = limiter.admit(now_ns)
        while verdict is not PASS:
            now_ns = max(zone.opens_at_ns(), now_ns + PACING_QUANTUM_NS)
            verdict = limiter.admit_waiting(now_ns, 0, came_ns, came_ns)
        went_on_ns.append(now_ns)
        free_ns = now_ns
    return went_on_ns


def _shake(at_ms, number=1):
    return event(at_ms, number=number, kind=Kind.HANDSHAKE)


@given(limited_traffic())
def test_messages_go_on_when_the_limiter_lets_them(traffic):
    policy, times = traffic
    policy = replace(policy, scope=Scope.CONNECTION)

    outcomes = play(rules(policy), [event(at_ns / MS) for at_ns in times])

    arrivals_ns = [outcome.event.at_ns for outcome in outcomes]
    assert [outcome.decided_ns for outcome in outcomes] == _by_hand(policy, arrivals_ns)


@given(limited_traffic())
def test_handshakes_get_the_limiters_verdicts(traffic):
    policy, times = traffic
    policy = rejecting(policy)
    limiter = Limiter([Zone(policy)])

    shakes = [_shake(at_ns / MS, number) for number, at_ns in enumerate(times)]
    outcomes = {outcome.event: outcome for outcome in play(rules(policy), shakes)}

    for shake in shakes:
        verdict, outcome = limiter.admit(shake.at_ns), outcomes[shake]
        assert (outcome.result is Result.REFUSED) == (verdict.action is Action.REJECT)
        assert outcome.wait_ns == (0 if verdict.action is Action.REJECT else verdict.wait_ns)


shared_zones = st.builds(
    lambda permits, burst, part, strict: ZonePolicy(
        name="shared",
        scope=Scope.TENANT,
        permits=permits,
        burst=burst + permits // 10 + 1,
        delay=int(part * burst),
        strict=strict,
    ),
    st.sampled_from([1, 5, 70, 100, 900, 5000]),
    st.integers(0, 60),
    st.floats(0, 1),
    st.booleans(),
)
senders = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["crm", "billing", "chat"]), st.integers(1, 3)), max_size=120
)


@given(shared_zones, senders)
def test_over_any_window_a_shared_zone_lets_no_more_through_than_its_bound(policy, sent):
    events = [event(at_ms, client, number) for at_ms, client, number in sorted(sent)]

    outcomes = play(rules(policy), events)

    slack = 0 if policy.strict else policy.permits * LEASE_SECONDS
    assert not events or most_over([one.decided_ns for one in outcomes], policy, slack) <= 1e-3


@given(limited_traffic())
def test_over_any_window_a_zone_of_one_connection_lets_no_more_through_than_its_bound(traffic):
    policy, times = traffic
    policy = replace(policy, scope=Scope.CONNECTION)

    outcomes = play(rules(policy), [event(at_ns / MS) for at_ns in times])

    assert bound_is_kept(policy, [outcome.decided_ns for outcome in outcomes], ahead=policy.burst)


@given(shared_zones, senders)
def test_everything_goes_on_once_and_in_the_order_of_its_connection(policy, sent):
    events = [event(at_ms, client, number, size_bytes=at) for at, (at_ms, client, number) in enumerate(sorted(sent))]

    went_on = [outcome.event for outcome in play(rules(policy), events)]

    assert sorted(went_on, key=lambda one: one.size_bytes) == events
    for name in {one.connection for one in events}:
        own = [one for one in went_on if one.connection == name]
        assert own == sorted(own, key=lambda one: one.size_bytes)


@given(shared_zones, senders)
def test_a_run_repeats_exactly(policy, sent):
    events = [event(at_ms, client, number) for at_ms, client, number in sorted(sent)]

    assert play(rules(policy), events) == play(rules(policy), events)


def test_a_shared_zone_that_was_at_rest_gives_its_burst_and_then_its_rate():
    outcomes = play(rules(SLOW), [event(number=number) for number in range(5)])

    assert [result for result, _ in told(outcomes)] == ["passed"] * 2 + ["waited"] * 3
    assert [wait_ms // 20 for _, wait_ms in told(outcomes)[2:]] == [200 // 20, 400 // 20, 600 // 20]


def test_clients_have_zones_of_their_own_and_the_tenants_zone_together():
    own = replace(SLOW, name="client", scope=Scope.CLIENT)
    burst = [event(client=client, number=number) for number in range(2) for client in ("crm", "billing")]

    assert Counter(result for result, _ in told(play(rules(own), burst))) == {"passed": 4}
    assert Counter(result for result, _ in told(play(rules(SLOW), burst))) == {"passed": 2, "waited": 2}


def test_of_a_zone_that_is_wanted_by_more_each_gets_its_weight():
    flood = [event(at_ms, client) for at_ms in range(5000) for client in ("crm", "billing")]

    by_client = shares(play(rules(TENANT, weights={"crm": 3}), flood), lambda name: name.client)

    assert by_client["crm"] / by_client["billing"] == pytest.approx(3, rel=0.1)


def test_channels_of_high_priority_come_first():
    flood = [event(at_ms, channel=channel) for at_ms in range(5000) for channel in ("calls", "analytics")]
    the_rules = replace(rules(TENANT), priorities={"calls": Priority.HIGH, "analytics": Priority.LOW})

    by_channel = shares(play(the_rules, flood), lambda name: name.channel)

    assert by_channel["calls"] / by_channel["analytics"] == pytest.approx(9, rel=0.2)


def test_what_a_refused_connection_would_have_sent_is_skipped_until_it_tries_again():
    trace = [*(_shake(0, number) for number in range(5)), event(10, number=4), _shake(5000, 4), event(5010, number=4)]

    results = {
        (one.event.at_ns, one.event.connection.number): one.result.value for one in play(rules(HANDSHAKES), trace)
    }

    assert [results[BEGAN_NS, str(number)] for number in range(5)] == ["passed"] * 2 + ["waited"] * 2 + ["refused"]
    assert [results[BEGAN_NS + ms * MS, "4"] for ms in (10, 5000, 5010)] == ["skipped", "passed", "passed"]


def test_what_is_sent_while_the_handshake_waits_goes_on_after_it():
    trace = [*(_shake(0, number) for number in range(3)), event(300, number=2)]

    assert told(play(rules(HANDSHAKES), trace))[2:] == [("waited", 1000), ("waited", 700)]


def test_a_cap_refuses_beyond_it_and_a_place_is_free_after_a_close():
    trace = [*(_shake(0, number) for number in range(3)), event(10, number=0, kind=Kind.CLOSE), _shake(20, 3)]

    outcomes = play(rules(CAP), trace)

    assert [result for result, _ in told(outcomes)] == ["passed", "passed", "refused", "passed"]
    assert outcomes[2].zone.zone == "connections"


def test_a_second_handshake_ends_the_connection_before_it():
    assert [result for result, _ in told(play(rules(CAP), [_shake(ms) for ms in range(5)]))] == ["passed"] * 5


def test_a_connection_without_a_handshake_was_open_before_and_takes_a_place():
    trace = [event(number=1), event(number=2), event(number=3), _shake(10, 4)]

    assert [result for result, _ in told(play(rules(CAP), trace))] == ["passed"] * 3 + ["refused"]


def test_what_comes_after_a_zone_closed_is_skipped():
    closing = replace(SLOW, period_ns=DAY_NS, beyond=Beyond.CLOSE, close_after_waiting_seconds=1, burst=0, delay=0)
    trace = [event(), event(), event(2000), event(2100, kind=Kind.CLOSE), _shake(2200)]

    assert told(play(rules(closing), trace)) == [("passed", 0), ("closed", 1000), ("skipped", 0), ("passed", 0)]


def test_a_day_of_a_message_each_two_hours_waits_for_a_limit_of_one_a_day():
    one_a_day = replace(SLOW, permits=1, period_ns=DAY_NS, burst=0, delay=0)

    outcomes = play(rules(one_a_day), [event(hours * 3600 * 1000, number=hours) for hours in range(0, 24, 2)])

    days = [(one.decided_ns - BEGAN_NS) / DAY_NS for one in outcomes]
    assert days == pytest.approx(range(12), abs=1e-6)


# Between two permits of each zone below lie 200 ms or more: nothing is taken for what comes one permit later.
HALF_A_SLOT_NS = 90 * MS
CHAIN = (
    ZonePolicy(name="connection", scope=Scope.CONNECTION, permits=5),
    ZonePolicy(name="client", permits=4, burst=3, delay=3),
)
CLIENT = ZonePolicy(name="client", permits=5, burst=3, delay=2)
BYTES = ZonePolicy(name="bytes", scope=Scope.TENANT, counted=Counted.BYTES, permits=10_000, burst=8_000, delay=4_000)
TRACES = {
    "a connection's and a client's": (CHAIN, [Planned(90 * n + 8 * at, "crm", n) for n in range(2) for at in range(4)]),
    "a client's": ([CLIENT], [Planned(2000 * at + 9 * n, "crm", n % 3) for at in range(2) for n in range(7)]),
    # One client after the other: where both want more than there is, who comes first is a matter of milliseconds.
    "a tenant's": (
        [SLOW],
        [Planned(9 * n, "crm", n % 3) for n in range(5)] + [Planned(3400 + 9 * n, "billing", n % 2) for n in range(5)],
    ),
    "bytes in leases": ([BYTES], [Planned(9 * n, "crm", n % 2, 2_000) for n in range(8)]),
}


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize(("zones", "planned"), TRACES.values(), ids=TRACES)
async def test_the_simulation_and_the_relay_agree_message_by_message(integration_of, simulator, zones, planned):
    shared = {"tenant_id": str(uuid4()), "tenant_slug": uuid4().hex, "policies": (policy(*zones),)}
    clients = {name: integration_of(client_id=name, **shared) for name in ("crm", "billing")}
    clients["crm"].publish(*(one.record for one in clients.values()))

    recording = await record(clients, simulator, planned)
    outcomes = play(rules(*zones), recording.trace)

    arrived = list(recording.waits_ns)
    off_ns = {one.event: abs(one.wait_ns - recording.waits_ns[one.event]) for one in outcomes}
    assert [one.result for one in outcomes].count(Result.WAITED) >= len(planned) // 3
    assert [one for one in outcomes if off_ns[one.event] >= HALF_A_SLOT_NS] == []
    for name in {one.connection for one in arrived}:
        own = [one.event for one in outcomes if one.event.connection == name]
        assert own == [one for one in arrived if one.connection == name]


@pytest.mark.asyncio
@pytest.mark.parametrize("zone", [replace(HANDSHAKES, period_ns=DAY_NS, delay=3), CAP], ids=lambda zone: zone.name)
async def test_the_simulation_and_the_relay_let_the_same_handshakes_in(integration_of, zone):
    integration = integration_of(policies=(policy(zone),))

    statuses = [await (await integration.knock("/v2/websocket/orders")).read_status() for _ in range(6)]
    outcomes = play(rules(zone), [_shake(0, number) for number in range(6)])

    assert statuses == [429 if one.result is Result.REFUSED else 101 for one in outcomes]
