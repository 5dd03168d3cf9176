import pytest

from tests.bench.report.readings import Readings

METRIC, SITUATION = "cpu_us_per_message", "16x16 plain"


def readings_of(**rounds_by_contestant: list[float]) -> Readings:
    readings = Readings()
    for contestant, rounds in rounds_by_contestant.items():
        for value in rounds:
            readings.add(contestant, SITUATION, {METRIC: value})
    return readings


def test_the_median_of_the_rounds_counts():
    readings = readings_of(ours=[9.0, 30.0, 8.0])

    assert readings.median("ours", METRIC, SITUATION) == 9.0


def test_a_ratio_is_taken_within_each_round_so_that_noise_of_a_round_meets_both_sides():
    readings = readings_of(ours=[10.0, 40.0, 11.0], nginx=[10.0, 40.0, 10.0])

    assert readings.ratio("ours", "nginx", METRIC, SITUATION) == 1.0


def test_a_difference_is_taken_within_each_round():
    readings = readings_of(ours=[1.0, 9.0, 2.5], direct=[0.5, 8.0, 1.0])

    assert readings.difference("ours", "direct", METRIC, SITUATION) == pytest.approx(1.0)


def test_what_one_side_did_not_measure_has_no_ratio():
    readings = readings_of(ours=[1.0])

    assert readings.ratio("ours", "nginx", METRIC, SITUATION) is None
    assert readings.difference("ours", "direct", METRIC, SITUATION) is None


def test_a_ratio_to_nothing_is_left_out_instead_of_infinite():
    readings = readings_of(ours=[1.0, 3.0], nginx=[0.0, 2.0])

    assert readings.ratio("ours", "nginx", METRIC, SITUATION) == 1.5


def test_the_latest_reading_is_that_of_the_present_round():
    readings = readings_of(ours=[1.0, 2.0])

    assert readings.latest("ours", METRIC, SITUATION) == 2.0
    assert readings.latest("nginx", METRIC, SITUATION) is None


def test_the_document_holds_every_round():
    readings = readings_of(ours=[1.0, 2.0, 6.0])

    assert readings.as_document() == [
        {"contestant": "ours", "metric": METRIC, "situation": SITUATION, "median": 2.0, "rounds": [1.0, 2.0, 6.0]}
    ]
