import msgspec

from controlplane.demonstration.figures import Figures
from controlplane.demonstration.scenario import Limit
from relay.telemetry.counters import HELD_BOUNDS_MS
from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord
from tests.controlplane.demonstration.test_credentials import credentials_with
from tests.relay.counted import BILLING, TENANT_ID

CLIENT = credentials_with(client_secret="fgs_secret").clients[0]


def test_what_was_offered_and_not_relayed_is_waiting():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_report(report(at=10.0, offered=500))
    figures.add_record(record(10.0, messages=120))

    row = only_row(figures)
    assert (row.offered, row.relayed, row.waiting) == (500, 120, 380)


def test_offers_after_the_last_word_of_a_relay_do_not_count_as_waiting_yet():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_report(report(at=10.0, offered=100))
    figures.add_report(report(at=11.0, offered=200))
    figures.add_record(record(10.4, messages=140))

    assert (only_row(figures).offered, only_row(figures).waiting) == (140, 0)


def test_all_relay_processes_are_added_up_and_offers_count_up_to_when_the_last_of_them_has_told():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_report(report(at=10.0, offered=100))
    figures.add_report(report(at=11.0, offered=200))
    figures.add_record(record(10.4, messages=100, worker="first"))
    figures.add_record(record(10.9, messages=40, worker="second"))

    assert (only_row(figures).offered, only_row(figures).relayed, only_row(figures).waiting) == (140, 140, 0)


def test_a_relay_process_that_fell_silent_is_not_waited_for():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_report(report(at=10.0, offered=100))
    figures.add_report(report(at=14.0, offered=500))
    figures.add_record(record(10.0, messages=100, worker="killed"))
    figures.add_record(record(14.0, messages=300, worker="other"))

    assert (only_row(figures).offered, only_row(figures).relayed) == (500, 400)


def test_what_a_broken_connection_had_taken_and_nobody_passed_on_is_lost_and_does_not_wait():
    row = row_after_a_kill(relayed=90, sent=100, relayed_since=30, offered=130)

    assert (row.offered, row.relayed, row.waiting) == (130, 120, 0)


def test_what_a_broken_connection_left_to_the_client_waits():
    row = row_after_a_kill(relayed=100, sent=100, relayed_since=30, offered=180)

    assert (row.offered, row.relayed, row.waiting) == (180, 130, 50)


def test_what_a_visitor_sends_beside_the_traffic_makes_nothing_negative():
    figures = Figures([CLIENT], has_traffic=False)

    figures.add_record(record(10.0, messages=7))

    assert (only_row(figures).relayed, only_row(figures).waiting) == (7, 0)


def test_refused_handshakes_are_added_and_accepted_ones_are_not():
    figures = Figures([CLIENT], has_traffic=True)
    handshakes = [HandshakeRecord(TENANT_ID, "id", "rate_limited", 3), HandshakeRecord(TENANT_ID, "id", "accepted", 1)]

    figures.add_record(encoded(TelemetryRecord("worker", 1, 10.0, [], handshakes)))
    figures.add_record(encoded(TelemetryRecord("worker", 2, 11.0, [], handshakes[:1])))

    assert only_row(figures).refused == 6


def test_what_flows_to_the_client_or_is_another_clients_does_not_count():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_record(record(10.0, messages=5, direction="to_client"))
    figures.add_record(record(11.0, messages=5, client_id="a visitor's own"))

    assert only_row(figures).relayed == 0


def test_held_times_are_those_of_the_last_ten_seconds():
    figures = Figures([CLIENT], has_traffic=True)
    figures.add_record(record(10.0, messages=100, held_in_bucket=8))
    figures.add_record(record(30.0, messages=99, held_in_bucket=0))
    figures.add_record(record(31.0, messages=1, held_in_bucket=3))

    figures.set_stats(stats(200), now=32.0)

    assert (only_row(figures).held_p50_ms, only_row(figures).held_p99_ms) == (1, 1)


def test_the_rate_is_what_the_platform_counted_in_the_last_ten_seconds():
    figures = Figures([CLIENT], has_traffic=True)

    for second in range(21):
        figures.set_stats(stats(1000 if second < 10 else 1000 + 100 * (second - 10), peak=111), now=float(second))

    assert only_row(figures).counted_per_second == 100
    assert (only_row(figures).counted, only_row(figures).peak) == (2000, 111)


def test_a_reset_of_the_simulator_makes_no_rate_negative():
    figures = Figures([CLIENT], has_traffic=True)

    figures.set_stats(stats(500), now=1.0)
    figures.set_stats({"by_channel": {}}, now=2.0)

    assert (only_row(figures).counted, only_row(figures).counted_per_second) == (0, 0)


def test_a_limit_that_a_visitor_changed_is_shown():
    figures = Figures([CLIENT], has_traffic=True)

    figures.set_limits({"id": Limit(50, 5, 0), "another": Limit(1, 0, 0)})

    assert only_row(figures).limit == Limit(50, 5, 0)


def row_after_a_kill(*, relayed, sent, relayed_since, offered):
    """One relay process is killed at 10.1 s; at 10.2 s the integration has another connection, to the other one."""
    figures = Figures([CLIENT], has_traffic=True)
    figures.add_record(record(10.0, messages=relayed, worker="killed"))
    for at in (10.5, 13.5):
        figures.add_report(report(at=at, offered=offered, connected_at=10.2, sent_before=sent))
        only_row(figures)
    figures.add_record(record(13.5, messages=relayed_since, worker="other"))
    return only_row(figures)


def record(ended_at, *, messages, held_in_bucket=0, worker="worker", **whose):
    held = [0] * (len(HELD_BOUNDS_MS) + 1)
    held[held_in_bucket] = messages
    whose = {"client_id": "id", "direction": "to_platform", **whose}
    counts = {"messages": messages, "bytes": messages * 100, "control_frames": 0, "waited": 0, "waiting": 0}
    flow = FlowRecord(tenant_id=TENANT_ID, channel_id=BILLING, held=held, **whose, **counts)
    return encoded(TelemetryRecord(worker, 1, ended_at, [flow], []))


def report(**told):
    return encoded([{"client_id": "id", "connected_at": 1.0, "sent_before": 0, **told}]).encode()


def encoded(told):
    return msgspec.json.encode(told).decode()


def stats(messages, peak=0):
    return {"by_channel": {"crm": {"messages": messages, "peak_sliding_second": peak}}}


def only_row(figures):
    (row,) = figures.rows()
    return row
