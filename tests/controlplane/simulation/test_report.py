from controlplane.simulation.figures import Figures
from controlplane.simulation.report import MOST_ROWS, report
from relay.simulation.events import ConnectionName, Event, Outcome, Result
from relay.throttle.policy import SECOND_NS, PolicySnapshot, ZonePolicy, ZoneSource

POLICY = PolicySnapshot("policy.yaml", 0, (ZonePolicy(name="client", permits=1),))


def _report(clients):
    figures = Figures((POLICY,))
    for client in range(clients):
        event = Event(SECOND_NS, ConnectionName(f"client {client}", "chat", "1"))
        list(figures.watch([event]))
        figures.add(Outcome(event, Result.WAITED, 3 * SECOND_NS, ZoneSource("policy.yaml", 0, "client")))
    return report(figures, took_seconds=0.01)


def test_it_says_how_much_faster_than_life_it_was():
    assert _report(1).startswith("1 events in 2.000 s, simulated in 0.01 s: 200 times as fast as life.")


def test_there_is_a_row_for_each_kind_client_and_zone():
    rows = {line.split("  ")[0] for line in _report(1).splitlines()}

    assert {"by kind", "messages", "by client", "client 0", "by zone", "client (policy.yaml)"} <= rows


def test_waits_are_in_seconds():
    row = next(line for line in _report(1).splitlines() if line.startswith("messages"))

    assert row.split()[1:6] == ["0", "1", "0", "0", "0"]
    assert row.count("2.000 s") == 4


def test_of_many_clients_the_first_are_shown():
    text = _report(MOST_ROWS + 5)

    assert "... and 5 more; --json has all." in text
