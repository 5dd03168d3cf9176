import msgspec

from controlplane.demonstration.figures import Figures
from controlplane.demonstration.scenario import Limit
from relay.telemetry.counters import HELD_BOUNDS_MS
from relay.telemetry.records import FlowRecord, HandshakeRecord, TelemetryRecord
from tests.controlplane.demonstration.test_credentials import credentials_with

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


def test_what_a_visitor_sends_beside_the_traffic_makes_nothing_negative():
    figures = Figures([CLIENT], has_traffic=False)

    figures.add_record(record(10.0, messages=7))

    assert (only_row(figures).relayed, only_row(figures).waiting) == (7, 0)


def test_refused_handshakes_are_added_and_accepted_ones_are_not():
    figures = Figures([CLIENT], has_traffic=True)
    handshakes = [HandshakeRecord("acme", "id", "rate_limited", 3), HandshakeRecord("acme", "id", "accepted", 1)]

    figures.add_record(encoded(TelemetryRecord("worker", 1, 10.0, [], handshakes)))
    figures.add_record(encoded(TelemetryRecord("worker", 2, 11.0, [], handshakes[:1])))

    assert only_row(figures).refused == 6


def test_what_flows_to_the_client_or_is_another_clients_does_not_count():
    figures = Figures([CLIENT], has_traffic=True)

    figures.add_record(record(10.0, messages=5, direction="to_client"))
    figures.add_record(record(11.0, messages=5, client="a visitor's own"))

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


def record(ended_at, *, messages, direction="to_platform", client="id", held_in_bucket=0):
    held = [0] * (len(HELD_BOUNDS_MS) + 1)
    held[held_in_bucket] = messages
    flow = FlowRecord("acme", client, "crm", direction, messages, messages * 100, 0, 0, 0, held)
    return encoded(TelemetryRecord("worker", 1, ended_at, [flow], []))


def report(**told):
    return encoded([{"client_id": "id", **told}]).encode()


def encoded(told):
    return msgspec.json.encode(told).decode()


def stats(messages, peak=0):
    return {"by_channel": {"crm": {"messages": messages, "peak_sliding_second": peak}}}


def only_row(figures):
    (row,) = figures.rows()
    return row
