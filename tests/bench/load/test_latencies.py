import pytest

from tests.bench.load.latencies import Latencies

MS = 1_000_000


def latencies_of(*latencies_ms: int) -> Latencies:
    latencies = Latencies()
    for latency_ms in latencies_ms:
        latencies.add(latency_ms * MS)
    return latencies


def test_a_percentile_is_a_latency_that_occurred():
    latencies = latencies_of(*range(100, 0, -1))

    assert latencies.percentile_ms(50) == 50
    assert latencies.percentile_ms(99) == 99
    assert latencies.percentile_ms(100) == 100


def test_one_slow_message_of_a_few_is_the_99th_percentile():
    assert latencies_of(1, 1, 1, 80).percentile_ms(99) == 80


def test_one_message_is_every_percentile():
    latencies = latencies_of(7)

    assert latencies.percentile_ms(50) == latencies.percentile_ms(99) == 7


def test_what_came_before_the_window_is_forgotten():
    latencies = latencies_of(500)

    latencies.clear()
    latencies.add(2 * MS)

    assert len(latencies) == 1
    assert latencies.percentile_ms(99) == 2


def test_a_window_without_messages_has_no_percentiles():
    with pytest.raises(ValueError, match="No message came back"):
        Latencies().percentile_ms(50)
