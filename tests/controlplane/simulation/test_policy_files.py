import json

import pytest

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.policy_files import ZONE_FIELDS, read_policy_file
from relay.throttle.fairness import Priority
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, Scope, StoreAway, ZonePolicy
from tests.controlplane.simulation.written import TEN_A_SECOND, write_policy

ALL_FIELDS = """
store_away: refuse
zones:
  - name: tenant
    permits: 1000
    period_seconds: 0.5
    burst: 4000
    delay: 3
    scope: tenant
    counted: bytes
    direction: to_client
    beyond: close
    close_after_waiting_seconds: 9
    strict: true
clients: {crm-sync: {weight: 3}, 7: {weight: 1}}
channels: {calls: {priority: high}}
"""


def _read(tmp_path, text, name="policy.yaml"):
    path = tmp_path / name
    write_policy(path, text)
    return read_policy_file(path)


def _faults(tmp_path, text, name="policy.yaml"):
    with pytest.raises(PolicyFaults) as raised:
        _read(tmp_path, text, name)
    return [sentence.removeprefix(f"{tmp_path / name}: ") for sentence in raised.value.sentences]


def test_the_fields_of_a_zone_are_those_of_the_policy():
    assert {*ZONE_FIELDS} - {"period_seconds"} == {*ZonePolicy.__dataclass_fields__} - {"period_ns"}


def test_every_field_is_read(tmp_path):
    file = _read(tmp_path, ALL_FIELDS)

    assert file.policy.store_away is StoreAway.REFUSE
    assert file.policy.zones == (
        ZonePolicy(
            name="tenant",
            permits=1000,
            period_ns=SECOND_NS // 2,
            burst=4000,
            delay=3,
            scope=Scope.TENANT,
            counted=Counted.BYTES,
            direction=Direction.TO_CLIENT,
            beyond=Beyond.CLOSE,
            close_after_waiting_seconds=9,
            strict=True,
        ),
    )
    assert (file.weights, file.priorities) == ({"crm-sync": 3, "7": 1}, {"calls": Priority.HIGH})


def test_what_is_left_out_has_the_defaults_of_a_zone(tmp_path):
    assert _read(tmp_path, TEN_A_SECOND).policy.zones == (ZonePolicy(name="client", permits=10, burst=4, delay=4),)


@pytest.mark.parametrize(
    "name", ["no", "on", "007", "1_000", "12:30", "2026-12-01", "null", "1e3", "1.50", "0x1F", "~", "true"]
)
def test_a_clients_name_stays_as_it_is_written(tmp_path, name):
    read = _read(tmp_path, f"zones: [{{name: a, permits: 5}}]\nclients: {{{name}: {{weight: 3}}}}")

    assert dict(read.weights) == {name: 3}


@pytest.mark.parametrize("name", ["no", "on", "null", "true", "y"])
def test_a_zones_name_stays_as_it_is_written(tmp_path, name):
    [zone] = _read(tmp_path, f"zones: [{{name: {name}, permits: 5}}]").policy.zones

    assert zone.name == name


@pytest.mark.parametrize("value", ["0o17", "1_000", "12:30", "0x1F", "yes"])
def test_a_number_that_yaml_would_guess_is_refused(tmp_path, value):
    assert _faults(tmp_path, f"zones: [{{name: a, permits: {value}}}]")


@pytest.mark.parametrize("name", ["policy.yaml", "policy.json"])
def test_a_byte_order_mark_says_nothing(tmp_path, name):
    text = '\ufeff{"zones": [{"name": "a", "permits": 5}]}'

    assert _read(tmp_path, text, name).policy.zones == (ZonePolicy(name="a", permits=5),)


def test_json_says_the_same(tmp_path):
    content = {"zones": [{"name": "client", "permits": 10, "burst": 4, "delay": 4}]}

    assert _read(tmp_path, json.dumps(content), "p.json").policy.zones == _read(tmp_path, TEN_A_SECOND).policy.zones


def test_all_faults_are_told_at_once_in_the_policys_own_words(tmp_path):
    faults = _faults(tmp_path, "zones: [{name: A, permits: 0, delay: 1}, {name: b, permits: 1, beyond: reject}]")

    assert [fault.partition(": ")[0] for fault in faults] == [
        "zones[1].name",
        "zones[1].permits",
        "zones[1].delay",
        "zones[2].beyond",
    ]
    assert faults[2] == (
        "zones[1].delay: delay is 1 and burst is 0, but delay must lie between 0 and burst: "
        "it is the part of the burst that passes at once."
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("zones: 3", "zones: a list of limits is expected here"),
        ("zones: [3]", "zones[1]: fields are expected here: name, "),
        ("- zones", "fields are expected here: zones, "),
        ("zones: [{permits: 1}]", "zones[1].name: it is missing."),
        ("zones: [{name: a, permits: 1, brust: 1}]", "zones[1]: 'brust' is not known here."),
        ("zones: [{name: a, permits: many}]", "zones[1].permits: 'many' is no whole number."),
        ("zones: [{name: a, permits: true}]", "zones[1].permits: True is no whole number."),
        ("zones: [{name: a, permits: 1, period_seconds: x}]", "zones[1].period_seconds: 'x' is no number."),
        ("zones: [{name: a, permits: 1, period_seconds: .inf}]", "zones[1].period_seconds: the period must be longer"),
        ("zones: [{name: a, permits: 1, scope: all}]", "zones[1].scope: 'all' is not known. Choose one of address, "),
        ("zones: [{name: a, permits: 1, strict: 1}]", "zones[1].strict: 1 is neither true nor false."),
        ("zones: [{name: a, permits: 1}, {name: a, permits: 1}]", "zones.name: two zones are called a."),
        ("zones: [{name: a, permits: 1, permits: 2}]", "it can't be read: permits stands twice in one place."),
        ("zones: []\nstore_away: maybe", "store_away: 'maybe' is not known."),
        ("zones: []\nclients: {a: {weight: 0}}", "clients.a.weight: it is 0, but must lie between 1 and 1,000."),
        ("zones: []\nclients: [a]", "clients: names are expected here"),
        ("zones: []\nchannels: {a: {priority: top}}", "channels.a.priority: 'top' is not known."),
        ("zones: [", "it can't be read: while parsing"),
        ("zones: !!python/object:os.system {}", "it can't be read: could not determine a constructor"),
    ],
)
def test_a_fault_is_told_at_its_place(tmp_path, text, fault):
    [told] = _faults(tmp_path, text)

    assert told.startswith(fault)


def test_json_that_says_a_thing_twice_is_refused(tmp_path):
    assert _faults(tmp_path, '{"zones": [], "zones": []}', "p.json") == [
        "it can't be read: zones stands twice in one place."
    ]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PolicyFaults, match="No such file or directory"):
        read_policy_file(tmp_path / "policy.yaml")
