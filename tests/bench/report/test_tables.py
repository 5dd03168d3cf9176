from io import StringIO

import pytest
from rich.console import Console

from tests.bench.contestants.contestant import NotInstalled, installed
from tests.bench.report.readings import Readings
from tests.bench.report.tables import tables


def printed(readings: Readings, *contestants: str) -> str:
    text = StringIO()
    Console(file=text, width=118).print(tables(readings, contestants))
    return text.getvalue()


def test_each_figure_stands_beside_its_ratio_to_nginx():
    readings = Readings()
    readings.add("nginx", "16x1 plain", {"cpu_us_per_message": 10.0})
    readings.add("ours", "16x1 plain", {"cpu_us_per_message": 12.5})

    row = next(
        line for line in printed(readings, "nginx", "ours").splitlines() if "Floodgate" in line and "12.5" in line
    )

    assert "1.25" in row


def test_what_was_not_measured_is_a_dash_and_no_zero():
    text = printed(Readings(), "ours")

    assert "–" in text
    assert "0.0" not in text
    assert "passed" not in text


def test_a_missing_program_is_named_with_the_way_to_install_it():
    with pytest.raises(NotInstalled, match="apt-get install no-such-program"):
        installed("no-such-program")
