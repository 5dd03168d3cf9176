"""The tables that people read: every figure beside its ratio to nginx, and the verdict on each bar."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from tests.bench.report.bars import BARS, Verdict
from tests.bench.report.readings import Readings
from tests.bench.rounds import SHAPES

NAMES = {
    "direct": "no relay",
    "nginx": "nginx",
    "haproxy": "HAProxy",
    "daphne": "stock on Daphne",
    "uvicorn": "stock on Uvicorn",
    "ours": "Floodgate",
}
_ABSENT = "–"
_STYLES = {Verdict.AIM: "green", Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.UNKNOWN: "yellow"}


def tables(readings: Readings, contestants: Sequence[str]) -> RenderableType:
    """Everything measured, and what it says about the bars."""
    return Group(
        _carried(readings, contestants, "plain", "Under load, plain to the platform"),
        _carried(readings, contestants, "tls", "Under load, TLS to the platform"),
        _standing(readings, contestants),
        _judged(readings),
    )


def _carried(readings: Readings, contestants: Sequence[str], upstream: str, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("connections x in flight")
    table.add_column("relay")
    for heading in ("CPU µs a message", "/ nginx", "messages/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for connections, in_flight in SHAPES:
        situation = f"{connections}x{in_flight} {upstream}"
        for name in contestants:
            figure = _Figures(readings, name, situation)
            table.add_row(
                f"{connections} x {in_flight}",
                NAMES[name],
                figure.median("cpu_us_per_message", ".1f"),
                figure.to_nginx("cpu_us_per_message"),
                figure.median("messages_per_second", ",.0f"),
                figure.median("latency_p50_ms", ".2f"),
                figure.median("latency_p99_ms", ".2f"),
            )
        table.add_section()
    return table


def _standing(readings: Readings, contestants: Sequence[str]) -> Table:
    table = Table(title="Idle memory a connection, handshakes, latency at half load", title_justify="left")
    table.add_column("relay", no_wrap=True)
    for heading in ("idle KiB", "with TLS", "/ nginx", "CPU µs a handshake", "/ nginx", "handshakes/s"):
        table.add_column(heading, justify="right")
    for heading in ("p50 ms", "p99 ms", "added p99"):
        table.add_column(heading, justify="right")
    for name in contestants:
        plain, tls = _Figures(readings, name, "plain"), _Figures(readings, name, "tls")
        table.add_row(
            NAMES[name],
            plain.median("idle_kib_per_connection", ".1f"),
            tls.median("idle_kib_per_connection", ".1f"),
            plain.to_nginx("idle_kib_per_connection"),
            plain.median("cpu_us_per_handshake", ",.0f"),
            plain.to_nginx("cpu_us_per_handshake"),
            plain.median("handshakes_per_second", ",.0f"),
            plain.median("paced_p50_ms", ".2f"),
            plain.median("paced_p99_ms", ".2f"),
            plain.over_direct("paced_p99_ms"),
        )
    return table


def _judged(readings: Readings) -> Table:
    table = Table(title="Bars", title_justify="left")
    table.add_column("what")
    for heading in ("measured", "at least", "aim"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for bar in BARS:
        measured = bar.measure(readings)
        verdict = bar.judge(measured)
        shown = f"{measured:,.2f} {bar.unit}" if measured is not None else _ABSENT
        table.add_row(bar.name, shown, f"{bar.least:g}", f"{bar.aim:g}", f"[{_STYLES[verdict]}]{verdict}")
    return table


class _Figures:
    """The figures of one contestant in one situation, as text; a dash where there is none."""

    def __init__(self, readings: Readings, contestant: str, situation: str) -> None:
        self._readings = readings
        self._contestant = contestant
        self._situation = situation

    def median(self, metric: str, form: str) -> str:
        return _shown(self._readings.median(self._contestant, metric, self._situation), form)

    def to_nginx(self, metric: str) -> str:
        return _shown(self._readings.ratio(self._contestant, "nginx", metric, self._situation), ",.2f")

    def over_direct(self, metric: str) -> str:
        return _shown(self._readings.difference(self._contestant, "direct", metric, self._situation), "+.2f")


def _shown(figure: float | None, form: str) -> str:
    return _ABSENT if figure is None else format(figure, form)
