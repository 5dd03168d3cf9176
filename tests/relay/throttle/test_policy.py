import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from relay.throttle.policy import (
    LARGEST_PERIOD_NS,
    LARGEST_PERMITS,
    SECOND_NS,
    Beyond,
    Counted,
    Direction,
    PolicyRefused,
    PolicySnapshot,
    Scope,
    ZonePolicy,
    default_zones,
    kept_defaults,
)

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
HANDSHAKES = {"counted": Counted.HANDSHAKES, "beyond": Beyond.REJECT}
CONNECTIONS = {"counted": Counted.OPEN_CONNECTIONS, "beyond": Beyond.REJECT}
REQUESTS = {"counted": Counted.REQUESTS}


def refusal(**changes):
    """The problems for which a zone is refused that would be right without ``changes``."""
    with pytest.raises(PolicyRefused) as refused:
        ZonePolicy(**{"name": "client", "permits": 100, **changes})
    return refused.value.problems


def test_a_zone_needs_a_name_and_permits_and_counts_messages_of_a_client_a_second():
    zone = ZonePolicy(name="client", permits=100)

    assert (zone.scope, zone.counted, zone.direction) == (Scope.CLIENT, Counted.MESSAGES, Direction.TO_PLATFORM)
    assert (zone.period_ns, zone.burst, zone.delay) == (SECOND_NS, 0, 0)
    assert (zone.beyond, zone.close_after_waiting_seconds) == (Beyond.WAIT, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a"},
        {"name": "a" * 32},
        {"name": "tenant_2"},
        {"permits": 1},
        {"permits": LARGEST_PERMITS},
        {"period_ns": 1},
        {"period_ns": LARGEST_PERIOD_NS},
        {"burst": LARGEST_PERMITS},
        {"burst": 20, "delay": 20},
        {"beyond": Beyond.CLOSE, "close_after_waiting_seconds": 1},
        {"beyond": Beyond.CLOSE, "close_after_waiting_seconds": 86_400},
        {"direction": Direction.TO_CLIENT},
        {"counted": Counted.BYTES, "scope": Scope.CONNECTION},
        HANDSHAKES,
        CONNECTIONS,
        REQUESTS,
        REQUESTS | {"beyond": Beyond.REJECT, "scope": Scope.CREDENTIAL},
        REQUESTS | {"scope": Scope.TENANT, "burst": 10, "strict": True},
    ],
    ids=str,
)
def test_what_lies_within_the_bounds_is_accepted(changes):
    assert ZonePolicy(**{"name": "client", "permits": 100, **changes})


def test_a_zone_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ZonePolicy(name="client", permits=100).permits = 1


@pytest.mark.parametrize("name", ["", "Client", "2nd", "a-b", "a b", "a" * 33, "client\n", "client;x=1", "é"])
def test_a_name_that_cannot_travel_is_refused(name):
    sentence = f"{name!r} is no zone name. Use up to 32 small letters, digits and _, beginning with a letter."

    assert refusal(name=name) == [("name", sentence)]


@pytest.mark.parametrize("permits", [-1, 0, LARGEST_PERMITS + 1])
def test_permits_out_of_range_are_refused(permits):
    sentence = f"permits is {permits}, but must lie between 1 and 1,000,000,000,000."

    assert refusal(permits=permits) == [("permits", f"{sentence} To let nothing through, disable the client.")]


@pytest.mark.parametrize("period_ns", [-1, 0, LARGEST_PERIOD_NS + 1])
def test_a_period_out_of_range_is_refused(period_ns):
    sentence = "the period must be longer than nothing and at most 366 days. A rate of 1 a day is 1 in 86,400 s."

    assert refusal(period_ns=period_ns) == [("period_seconds", sentence)]


@pytest.mark.parametrize("burst", [-1, LARGEST_PERMITS + 1])
def test_a_burst_out_of_range_is_refused(burst):
    assert refusal(burst=burst) == [("burst", f"burst is {burst}, but must lie between 0 and 1,000,000,000,000.")]


@pytest.mark.parametrize("delay", [-1, 21, 30])
def test_a_delay_that_is_no_part_of_the_burst_is_refused(delay):
    sentence = f"delay is {delay} and burst is 20, but delay must lie between 0 and burst:"

    assert refusal(burst=20, delay=delay) == [("delay", f"{sentence} it is the part of the burst that passes at once.")]


@pytest.mark.parametrize("excess", [{"burst": 1}, {"burst": 1, "delay": 1}, {"delay": 1}], ids=str)
def test_open_connections_with_a_burst_are_refused(excess):
    sentence = "open connections have no burst: permits alone says how many may be open. Set burst and delay to 0."

    assert refusal(**CONNECTIONS, **excess) == [("burst", sentence)]


@pytest.mark.parametrize("counted", [Counted.HANDSHAKES, Counted.OPEN_CONNECTIONS])
@pytest.mark.parametrize(
    "beyond", [{"beyond": Beyond.WAIT}, {"beyond": Beyond.CLOSE, "close_after_waiting_seconds": 9}], ids=str
)
def test_what_has_an_answer_can_only_be_rejected(counted, beyond):
    sentence = f"{counted.label} beyond the limit are always refused with 429. Choose reject."

    assert refusal(counted=counted, **beyond) == [("beyond", sentence)]


@pytest.mark.parametrize("counted", [Counted.MESSAGES, Counted.BYTES, Counted.CONTROL_FRAMES])
def test_what_flows_on_an_open_connection_cannot_be_rejected(counted):
    [(field, sentence)] = refusal(counted=counted, beyond=Beyond.REJECT)

    assert field == "beyond"
    assert sentence.startswith("an open connection never drops a message: ")
    assert sentence.endswith(" Choose wait or close.")


def test_requests_wait_or_are_rejected_but_close_nothing():
    problems = refusal(**REQUESTS, beyond=Beyond.CLOSE, close_after_waiting_seconds=9)

    assert problems == [("beyond", "a request has no connection of its own to close. Choose reject or wait.")]


@pytest.mark.parametrize("what", [HANDSHAKES, REQUESTS], ids=["handshakes", "requests"])
def test_handshakes_and_requests_go_to_the_platform(what):
    problems = refusal(**what, direction=Direction.TO_CLIENT)

    assert problems == [("direction", f"{what['counted'].label} go to the platform. Choose to_platform.")]


@pytest.mark.parametrize("what", [HANDSHAKES, CONNECTIONS, REQUESTS], ids=lambda what: what["counted"].label)
def test_one_connection_cannot_add_up_what_does_not_flow_on_it(what):
    sentence = f"one connection cannot add up {what['counted'].label}. Choose client or a wider scope."

    assert refusal(**what, scope=Scope.CONNECTION) == [("scope", sentence)]


@pytest.mark.parametrize("seconds", [-1, 0, 86_401])
def test_a_zone_that_closes_says_after_how_long(seconds):
    sentence = "to close a connection, say after how many seconds of waiting without a break: 1 to 86,400."

    problems = refusal(beyond=Beyond.CLOSE, close_after_waiting_seconds=seconds)

    assert problems == [("close_after_waiting_seconds", sentence)]


def test_a_zone_that_does_not_close_says_nothing_of_it():
    sentence = "close_after_waiting_seconds has no effect with beyond = wait. Set it to 0 or choose close."

    assert refusal(close_after_waiting_seconds=5) == [("close_after_waiting_seconds", sentence)]


def test_all_faults_are_told_at_once():
    problems = refusal(
        name="?", permits=0, period_ns=0, delay=1, **HANDSHAKES | {"beyond": Beyond.CLOSE},
        direction=Direction.TO_CLIENT, scope=Scope.CONNECTION,
    )  # fmt: skip

    told = ["name", "permits", "period_seconds", "delay", "beyond", "direction", "scope", "close_after_waiting_seconds"]
    assert [field for field, _ in problems] == told


def test_a_refusal_reads_as_its_sentences():
    refused = PolicyRefused([("name", "Name it."), ("burst", "Lower it.")])

    assert str(refused) == "Name it. Lower it."


def test_a_snapshot_has_zones_of_different_names():
    zones = default_zones()

    assert PolicySnapshot("policy-1", 3, zones).zones == zones


def test_a_snapshot_may_have_no_zones():
    assert PolicySnapshot("policy-1", 1).zones == ()


def test_two_zones_of_one_name_are_refused():
    zones = tuple(ZonePolicy(name=name, permits=1) for name in ("b", "a", "b", "a", "c"))

    with pytest.raises(PolicyRefused, match="two zones are called a, b"):
        PolicySnapshot("policy-1", 1, zones)


def test_default_limits_are_those_that_the_reference_tells():
    rows = re.findall(r"^\| (`[a-z_]+` \| .*?) \| [^|]*[a-z][^|]* \|$", section("Defaults"), re.MULTILINE)

    assert rows == [" | ".join(told(zone)) for zone in default_zones()]


@pytest.mark.parametrize(
    "field", [field.name for field in fields(ZonePolicy) if field.name != "period_ns"] + ["period_seconds"]
)
def test_the_reference_has_an_anchor_for_every_field(field):
    assert section(field).strip()


@pytest.mark.parametrize("field", ["scope", "counted", "direction", "beyond"])
def test_the_reference_tells_every_choice_of_a_field(field):
    words = {"scope": Scope, "counted": Counted, "direction": Direction, "beyond": Beyond}[field]

    assert set(re.findall(r"^\| `([a-z_]+)` \|", section(field), re.MULTILINE)) == set(words)


def test_settings_that_are_limits_are_told_as_on_the_page_of_settings():
    rows = re.findall(r"^\| `FLOODGATE_\w+` \|.*$", section("Defaults that are settings"), re.MULTILINE)

    assert rows
    assert set(rows) <= set((REFERENCE / "settings.md").read_text(encoding="utf-8").splitlines())


def section(title):
    page = (REFERENCE / "limits.md").read_text(encoding="utf-8")
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]


def told(zone):
    rate = f"{zone.permits} a second" if zone.counted is not Counted.OPEN_CONNECTIONS else f"{zone.permits}"
    words = (zone.counted.label, f"`{zone.scope}`", f"`{zone.direction}`", f"`{zone.beyond}`")
    return f"`{zone.name}`", rate, str(zone.burst), str(zone.delay), *words


def test_a_policy_of_ones_own_keeps_the_defaults_for_handshakes_control_frames_and_caps():
    kept = kept_defaults([ZonePolicy(name="mine", permits=40)])

    names = [zone.name for zone in kept]
    assert names == ["client_handshakes", "control_frames", "client_connections", "credential_connections"]


def test_a_zone_of_the_same_name_replaces_a_default():
    zone = ZonePolicy(name="control_frames", scope=Scope.CLIENT, counted=Counted.CONTROL_FRAMES, permits=500)

    assert "control_frames" not in {each.name for each in kept_defaults([zone])}


def test_a_zone_that_counts_the_same_for_the_same_scope_replaces_a_default():
    cap = ZonePolicy(name="my_cap", counted=Counted.OPEN_CONNECTIONS, permits=500, beyond=Beyond.REJECT)

    names = {zone.name for zone in kept_defaults([cap])}
    assert ("client_connections" in names, "credential_connections" in names) == (False, True)


def test_a_policy_with_all_default_zones_keeps_none_beside_it():
    assert kept_defaults(default_zones()) == ()
