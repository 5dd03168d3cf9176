import math
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from controlplane.demonstration.figures import Relays, Row
from controlplane.demonstration.scenario import Limit
from controlplane.demonstration.table import Size, headline, line, screen, welcome
from tests.controlplane.demonstration.test_credentials import credentials_with

ONE = Relays(1, 1)
LOG_IN = "http://127.0.0.1/admin  admin / secret"


def test_the_headline_says_what_is_offered_allowed_and_received():
    text = headline([row_of(floods=True)], has_traffic=True)

    assert text == "crm-sync offers 1,000/s; its policy allows 100/s: the platform got 100.1/s."


def test_before_anything_was_counted_the_headline_promises_nothing():
    assert headline([row_of(floods=True, counted=0)], has_traffic=True) == "The integrations are connecting."


def test_without_traffic_the_headline_says_how_to_connect():
    assert "docs/tutorial/first-steps.md" in headline([row_of()], has_traffic=False)


def test_the_line_for_logs_has_every_figure():
    assert line([row_of()], ONE, has_traffic=False).endswith(
        "crm-sync: offered 1,234,567, relayed 5,000, waiting 1,229,567, refused 2, "
        "counted 5,010, 100.1/s, peak 111 / 121."
    )


FIGURES = ("1,000/s", "1.23M", "5,000", "2", "1 / 20", "5,010", "100.1", "100", "111 / 121")


@pytest.mark.parametrize("width", [40, 60, 80, 96, 120, 200])
def test_each_figure_is_whole_on_a_terminal_of_any_width(width):
    lines = rendered([row_of()], width)

    assert all(len(text) <= width for text in lines)
    assert not any("…" in text for text in lines)
    assert all(figure in " ".join(lines) for figure in FIGURES)


def test_where_the_table_does_not_fit_each_figure_says_what_it_is():
    lines = rendered([row_of()], 80)

    assert lines[3:5] == [
        "crm-sync  sends 1,000/s  offered 1.23M  relayed 5,000  waiting 1.23M  refused 2",
        "  held 1 / 20  counted 5,010  100.1 per s  limit 100  peak 111 / 121",
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_six_clients_and_the_log_in_fit_a_terminal_of_24_rows(columns):
    rows = [row_of(name=f"client-{number}", tenant="acme" if number < 4 else "umbrella") for number in range(6)]

    lines = rendered(rows, columns, rows_of_terminal=24)

    assert len(lines) < 24
    assert LOG_IN in lines
    assert all(any(text.startswith(row.name) for text in lines) for row in rows)


def test_of_several_relay_processes_it_is_told_how_many_answer():
    several = Relays(3, 4)

    assert "3 of 4 relay processes answer." in " ".join(rendered([row_of()], 120, several))
    assert "the platform got 100.1/s. 3 of 4 relay processes answer. crm-sync:" in line(
        [row_of(floods=True)], several, has_traffic=True
    )


def test_of_a_single_relay_process_nothing_is_told():
    assert "relay process" not in " ".join(rendered([row_of()], 120)) + line([row_of()], ONE, has_traffic=True)


def test_clients_stand_under_their_tenant_and_platform():
    rows = [row_of(), row_of(name="wem-logger", tenant="umbrella", platform="cxone")]

    firsts = [text.split("  ")[0] for text in rendered(rows, 120)]

    assert firsts[3:7] == ["acme, Genesys", "crm-sync", "umbrella, CXone", "wem-logger"]


@pytest.mark.parametrize(("p50", "p99", "shown"), [(1, 20, "1 / 20"), (0, 0, "-"), (10, math.inf, "10 / >30k")])
def test_held_times_are_bounds_in_milliseconds(p50, p99, shown):
    assert any(shown in text for text in rendered([row_of(held_p50_ms=p50, held_p99_ms=p99)], 100))


def test_without_traffic_nobody_tells_what_was_offered_and_waits():
    shown = "\n".join(rendered([row_of(pace="-", has_traffic=False)], 96))

    assert "offered -" in shown
    assert "waiting -" in shown
    assert "relayed 5,000" in shown


def test_no_line_of_the_welcome_is_wider_than_80_columns():
    addresses = {"admin_url": "http://127.0.0.1:65535/admin/", "simulator_url": "http://127.0.0.1:65535"}
    credentials = msgspec.structs.replace(credentials_with("secret"), user="admin", password="x" * 16, **addresses)

    assert max(map(len, welcome(credentials, Path("c"), Path("l")).splitlines())) <= 80


def test_the_welcome_has_every_address_and_log_in():
    credentials = credentials_with(client_secret="fgs_secret")

    text = welcome(credentials, Path("credentials.json"), Path("logs"))

    for word in ("admin_url", "relay_url", "token_url", "simulator_url", "user / password"):
        assert word in text
    assert not any(word in text for word in ("fgs_secret", "owner_password"))


def rendered(rows, width, relays=ONE, rows_of_terminal=60):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(screen(rows, relays, LOG_IN, Size(width, rows_of_terminal), has_traffic=True))
    return [text.rstrip() for text in capture.get().splitlines()]


def row_of(**changes):
    figures = {
        "name": "crm-sync",
        "tenant": "acme",
        "platform": "genesys",
        "pace": "1,000/s",
        "has_traffic": True,
        "floods": False,
        "limit": Limit(100, 20, 10),
        "offered": 1_234_567,
        "relayed": 5000,
        "waiting": 1_229_567,
        "refused": 2,
        "held_p50_ms": 1,
        "held_p99_ms": 20,
        "counted": 5010,
        "counted_per_second": 100.1,
        "peak": 111,
    }
    return Row(**{**figures, **changes})
