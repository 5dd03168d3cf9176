import platform
import time
from dataclasses import replace

import django
import pytest
from prometheus_client.parser import text_string_to_metric_families

from relay.telemetry.counters import HELD_BOUNDS_MS, Counters, Flow, ThrottleKey
from relay.telemetry.differences import QUIET_NS
from relay.telemetry.metrics import CONTENT_TYPE, SLICE, ProcessState, metrics_parts
from relay.telemetry.throttles import evict_at_rest
from relay.throttle.policy import ZoneSource
from tests.relay import records
from tests.relay.counted import BILLING, WHOSE

FLOW = Flow(*WHOSE, BILLING, "to_platform")

STATE = ProcessState(
    loop_lag_seconds=0.25,
    memory_bytes=1024,
    is_draining=True,
    log_lines_dropped=7,
    redis_up=True,
    relay_processes=4,
    lease_round_trips=12,
    tenants_alone=2,
    generations_lost=1,
    fullness={},
    defects={},
)


@pytest.fixture
def counters():
    counters = Counters()
    counter = counters.flow(FLOW)
    counter.messages += 2
    counter.passed_after(15_000_000)
    counter.passed_after(60_000_000_000)
    counter.bytes, counter.control_frames, counter.waiting = 300, 4, 1
    counters.open_connections[WHOSE] = 3
    counters.handshakes[*WHOSE, "rate_limited"] = 5
    counters.closes["floodgate", 4429] = 6
    faults = counters.platform_faults
    faults.dns_failures["unknown_name"], faults.tls_errors["expired"] = 8, 9
    faults.timeouts["connect"], faults.protocol_errors["session"] = 10, 11
    for version in (1, 2):
        throttle = counters.throttle(ThrottleKey(*WHOSE, BILLING, ZoneSource("p1", version, "client")))
        throttle.waited, throttle.refused, throttle.closed = 10, 20, 30
    return counters


def page_of(counters, state=STATE):
    return b"".join(metrics_parts(counters, state)).decode()


def samples_of(counters, state=STATE):
    """Values by name and the labels' values, as Prometheus reads them."""
    families = text_string_to_metric_families(page_of(counters, state))
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        (("floodgate_messages_total", *FLOW), 4),
        (("floodgate_bytes_total", *FLOW), 300),
        (("floodgate_control_frames_total", *FLOW), 4),
        (("floodgate_waited_messages_total", *FLOW), 2),
        (("floodgate_waiting_messages", *FLOW), 1),
        (("floodgate_connections", *WHOSE), 3),
        (("floodgate_handshakes_total", *WHOSE, "rate_limited"), 5),
        (("floodgate_closes_total", "floodgate", "4429"), 6),
        (("floodgate_dns_failures_total", "unknown_name"), 8),
        (("floodgate_upstream_tls_errors_total", "expired"), 9),
        (("floodgate_upstream_timeouts_total", "connect"), 10),
        (("floodgate_upstream_protocol_errors_total", "session"), 11),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_was_counted_is_shown(counters, sample, value):
    name, *labels = sample
    assert samples_of(counters)[name, *sorted(labels)] == value


def test_what_zones_did_is_shown_over_all_versions_of_their_policy(counters):
    samples, whose = samples_of(counters), (*WHOSE, BILLING, "client")
    actions = ("wait", "reject", "close")

    assert [samples["floodgate_throttled_total", *sorted([*whose, action])] for action in actions] == [20, 40, 60]


def test_what_zones_did_is_shown_after_a_version_was_evicted(counters):
    before = samples_of(counters)
    for key in list(counters.throttles):
        evict_at_rest(counters, key, time.monotonic_ns() + QUIET_NS)

    assert (counters.throttles, samples_of(counters)) == ({}, before)


def test_names_are_shown_beside_the_ids_that_series_have():
    counters, connection = Counters(), records.platform_connection("http://x")
    for tenant_id in ("first", "second"):
        client = records.client(connection, client_id=f"of-{tenant_id}", tenant_id=tenant_id, tenant_slug="acme")
        counters.names.learn(client, client.channels[0])

    page = b"".join(metrics_parts(counters, STATE)).decode()

    for tenant_id in ("first", "second"):
        assert f'floodgate_tenant_info{{tenant="acme",tenant_id="{tenant_id}"}} 1' in page
        assert f'floodgate_client_info{{client="Webchat",client_id="of-{tenant_id}"}} 1' in page
    assert f'floodgate_channel_info{{channel="echo",channel_id="{client.channels[0].id}"}} 1' in page


def test_held_times_are_shown_as_a_histogram_that_adds_up(counters):
    samples = samples_of(counters)

    buckets = [
        samples["floodgate_held_seconds_bucket", *sorted([*FLOW, bound])] for bound in ("0.001", "0.02", "30.0", "+Inf")
    ]

    assert buckets == [2, 3, 3, 4]


def test_what_was_dropped_and_what_should_never_be_is_shown():
    counters = Counters()
    counters.flow(Flow("acme", "crm-sync", "billing", "to_platform")).dropped_bytes = 12
    samples = samples_of(counters, replace(STATE, defects={"session": 3}))

    assert samples["floodgate_defects_total", "session"] == 3
    assert samples["floodgate_dropped_bytes_total", "acme", "billing", "crm-sync", "to_platform"] == 12


def test_versions_are_shown(counters):
    [(_, *versions)] = [sample for sample in samples_of(counters) if sample[0] == "floodgate_build_info"]

    assert set(versions) == {platform.python_version(), django.get_version()}


def test_every_metric_is_told_what_it_means(counters):
    for family in text_string_to_metric_families(page_of(counters)):
        assert family.name.startswith("floodgate_")
        assert family.documentation


def test_nothing_counted_shows_no_client():
    samples = samples_of(Counters())

    assert {name for name, *labels in samples if labels} == {"floodgate_build_info"}


@pytest.mark.parametrize("name", ['quo"ted', "back\\slash", "new\nline", "é"])
def test_a_name_can_hold_any_character(name):
    counters = Counters()
    counters.open_connections["acme", name] = 1

    assert samples_of(counters)["floodgate_connections", *sorted(["acme", name])] == 1


def test_the_page_says_what_it_is():
    assert CONTENT_TYPE.startswith("text/plain")


def test_the_page_tells_how_the_process_is():
    samples = samples_of(Counters())

    assert samples["floodgate_loop_lag_seconds",] == 0.25
    assert samples["floodgate_memory_bytes",] == 1024
    assert samples["floodgate_draining",] == 1
    assert samples["floodgate_log_lines_dropped_total",] == 7


def test_how_full_shared_zones_were_is_told_by_their_windows():
    state = replace(STATE, fullness={("t1", "tenant", "all", 10): 0.5})

    page = page_of(Counters(), state)

    labels = 'scope="tenant",tenant_id="t1",window_seconds="10",zone="all"'
    assert f"floodgate_shared_zone_admitted_ratio{{{labels}}} 0.5" in page


def test_a_page_of_many_flows_comes_in_small_parts_that_hold_every_family_together():
    counters = Counters()
    for number in range(1_000):
        counters.flow(Flow("acme", f"client-{number}", "billing", "to_platform")).messages = number

    parts = list(metrics_parts(counters, STATE))

    names = [line.split(" ")[2] for line in b"".join(parts).decode().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert max(part.count(b"\n") for part in parts) <= SLICE * (len(HELD_BOUNDS_MS) + 1) + 2
    assert samples_of(counters)["floodgate_messages_total", "acme", "billing", "client-999", "to_platform"] == 999


def test_what_is_counted_while_the_page_is_written_does_not_disturb_it():
    counters = Counters()
    for number in range(100):
        counters.flow(Flow("acme", f"client-{number}", "billing", "to_platform"))
        counters.open_connections["acme", f"client-{number}"] = 1
    parts = metrics_parts(counters, STATE)

    for number, _ in enumerate(parts):
        counters.flow(Flow("acme", f"new-{number}", "billing", "to_platform"))
        counters.open_connections["acme", f"new-{number}"] = 1
        counters.handshakes["acme", f"new-{number}", "accepted"] = 1
