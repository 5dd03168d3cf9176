import pytest

from tests.bench.report.bars import BARS, Bar, Status, Verdict, status
from tests.bench.report.readings import Readings


def unmeasured(_readings: Readings) -> float | None:
    return None


LESS_IS_BETTER = Bar("cost", "x", least=1.3, aim=1.0, measure=unmeasured)
MORE_IS_BETTER = Bar("speed", "/s", least=600, aim=1500, measure=unmeasured)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (0.9, Verdict.AIM),
        (1.0, Verdict.AIM),
        (1.01, Verdict.PASSED),
        (1.3, Verdict.PASSED),
        (1.31, Verdict.FAILED),
        (None, Verdict.UNKNOWN),
    ],
)
def test_a_cost_passes_up_to_its_bar(measured, verdict):
    assert LESS_IS_BETTER.judge(measured) is verdict


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(1600, Verdict.AIM), (1500, Verdict.AIM), (600, Verdict.PASSED), (599, Verdict.FAILED), (None, Verdict.UNKNOWN)],
)
def test_a_speed_passes_from_its_bar_on(measured, verdict):
    assert MORE_IS_BETTER.judge(measured) is verdict


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: bar.name)
def test_a_bar_that_nothing_was_measured_for_is_not_passed(bar):
    assert bar.judge(bar.measure(Readings())) is Verdict.UNKNOWN


def test_handshakes_a_second_and_core_follow_from_the_cpu_time_of_one():
    readings = Readings()
    readings.add("ours", "plain", {"cpu_us_per_handshake": 800.0})
    bar = next(bar for bar in BARS if bar.name == "authenticated handshakes a second and core")

    assert bar.measure(readings) == 1250


def test_stock_is_measured_in_multiples_of_ours():
    readings = Readings()
    readings.add("daphne", "16x16 plain", {"cpu_us_per_message": 600.0})
    readings.add("ours", "16x16 plain", {"cpu_us_per_message": 10.0})
    bar = next(bar for bar in BARS if bar.name == "stock Channels on Daphne / ours, 16x16")

    assert bar.judge(bar.measure(readings)) is Verdict.AIM


def readings_with(**ours: float) -> Readings:
    """A round in which ours costs nginx's figures times these, and everything else reaches its aim."""
    readings = Readings()
    for situation in ("16x16 plain", "16x1 plain", "16x16 tls", "16x1 tls"):
        readings.add("nginx", situation, {"cpu_us_per_message": 10.0})
        readings.add("ours", situation, {"cpu_us_per_message": 10.0 * ours.get("cost", 1.0)})
    readings.add("daphne", "16x16 plain", {"cpu_us_per_message": 900.0})
    readings.add("direct", "plain", {"paced_p99_ms": 1.0})
    standing = {"idle_kib_per_connection": 15.0, "cpu_us_per_handshake": 500.0, "paced_p99_ms": 1.5}
    readings.add("ours", "plain", standing)
    readings.add("ours", "five zones", {"decision_us": 0.5})
    return readings


def test_a_full_run_over_all_bars_exits_with_0():
    assert status(readings_with(), is_complete=True) is Status.PASSED


def test_a_failed_bar_exits_with_1_even_if_something_is_missing():
    assert status(readings_with(cost=2.0), is_complete=False) is Status.BAR_FAILED


def test_a_run_without_everybody_exits_with_3():
    assert status(readings_with(), is_complete=False) is Status.INCOMPLETE


def test_a_run_that_left_a_bar_open_exits_with_3():
    assert status(Readings(), is_complete=True) is Status.INCOMPLETE
