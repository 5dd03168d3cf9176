"""HTTP requests, against limits that count them."""

from dataclasses import replace

import pytest

from relay.simulation.events import Kind
from relay.throttle.policy import Beyond, Counted, Direction, Scope, ZonePolicy
from tests.relay.simulation.traces import event, play, rules, told

TEN_A_SECOND = ZonePolicy(name="calls", counted=Counted.REQUESTS, permits=10, burst=3, delay=1)
REJECTING = replace(TEN_A_SECOND, beyond=Beyond.REJECT)


def _calls(times, **fields):
    return [event(kind=Kind.REQUEST, **fields) for _ in range(times)]


def test_beyond_the_burst_requests_are_refused_at_once():
    outcomes = play(rules(REJECTING), _calls(6))

    assert sorted(told(outcomes)) == [("passed", 0)] * 2 + [("refused", 0)] * 2 + [("waited", 100), ("waited", 200)]
    assert {outcome.zone.zone for outcome in outcomes if outcome.zone} == {"calls"}


def test_requests_that_wait_go_on_in_order_at_the_rate():
    assert told(play(rules(TEN_A_SECOND), _calls(5))) == [
        ("passed", 0), ("passed", 0), ("waited", 100), ("waited", 200), ("waited", 300),
    ]  # fmt: skip


def test_a_request_that_waits_for_one_limit_waits_for_the_next_too():
    slower = replace(TEN_A_SECOND, name="tenant", scope=Scope.TENANT, permits=5, burst=1, delay=1)

    outcomes = play(rules(TEN_A_SECOND, slower), _calls(4))

    assert told(outcomes) == [("passed", 0), ("passed", 0), ("waited", 200), ("waited", 400)]


@pytest.mark.parametrize("beyond", [Beyond.WAIT, Beyond.REJECT])
def test_requests_stand_behind_no_message_and_messages_behind_no_request(beyond):
    held = ZonePolicy(name="messages", permits=1)
    calls = replace(TEN_A_SECOND, beyond=beyond)

    trace = [event(), event(), *_calls(2), event(direction=Direction.TO_CLIENT)]

    assert sorted(told(play(rules(held, calls), trace))) == [("passed", 0)] * 4 + [("waited", 1000)]


def test_requests_are_judged_whatever_became_of_their_clients_sockets():
    cap = ZonePolicy(name="open", counted=Counted.OPEN_CONNECTIONS, permits=1, beyond=Beyond.REJECT)
    trace = [event(number=number, kind=Kind.HANDSHAKE) for number in (1, 2)]

    outcomes = play(rules(cap, TEN_A_SECOND), [*trace, *_calls(1, number=2)])

    assert [result for result, _ in told(outcomes)] == ["passed", "refused", "passed"]


@pytest.mark.parametrize(("scope", "passed"), [(Scope.CLIENT, 4), (Scope.TENANT, 2)])
def test_a_limit_on_requests_adds_up_its_scope(scope, passed):
    calls = [call for client in ("crm", "billing") for call in _calls(3, client=client)]

    results = [result for result, _ in told(play(rules(replace(REJECTING, scope=scope, burst=1)), calls))]

    assert results.count("passed") == passed
