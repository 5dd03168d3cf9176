"""The bars that a run must pass, and the verdict on each. Pure. Their reasons: docs/reference/benchmarks.md."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from tests.bench.report.readings import Readings

_US_PER_SECOND = 1e6


class Verdict(StrEnum):
    """What a run says about a bar."""

    AIM = "aim reached"
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Bar:
    """What must hold at least, and what is aimed at; the smaller is better, unless ``aim`` is above ``least``."""

    name: str
    unit: str
    least: float
    aim: float
    measure: Callable[[Readings], float | None]

    def judge(self, measured: float | None) -> Verdict:
        """Where the measured figure lies."""
        if measured is None:
            return Verdict.UNKNOWN
        direction = 1 if self.aim > self.least else -1
        if direction * measured >= direction * self.aim:
            return Verdict.AIM
        return Verdict.PASSED if direction * measured >= direction * self.least else Verdict.FAILED


class Status(IntEnum):
    """How the bench exits."""

    PASSED = 0
    BAR_FAILED = 1
    RUN_FAILED = 2
    INCOMPLETE = 3
    INTERRUPTED = 130


def status(readings: Readings, *, is_complete: bool) -> Status:
    """A failed bar says so whatever else is missing; nobody takes a run with gaps for a full one."""
    verdicts = [bar.judge(bar.measure(readings)) for bar in BARS]
    if Verdict.FAILED in verdicts:
        return Status.BAR_FAILED
    return Status.PASSED if is_complete and Verdict.UNKNOWN not in verdicts else Status.INCOMPLETE


def _cpu_against(other: str, situation: str) -> Callable[[Readings], float | None]:
    return lambda readings: readings.ratio("ours", other, "cpu_us_per_message", situation)


def _stock_against_ours(readings: Readings) -> float | None:
    return readings.ratio("daphne", "ours", "cpu_us_per_message", "16x16 plain")


def _idle_memory(readings: Readings) -> float | None:
    return readings.median("ours", "idle_kib_per_connection", "plain")


def _handshakes_per_core(readings: Readings) -> float | None:
    cost_us = readings.median("ours", "cpu_us_per_handshake", "plain")
    return _US_PER_SECOND / cost_us if cost_us else None


def _added_p99(readings: Readings) -> float | None:
    return readings.difference("ours", "direct", "paced_p99_ms", "plain")


def _decision(readings: Readings) -> float | None:
    return readings.median("ours", "decision_us", "five zones")


BARS = (
    Bar("CPU a message / nginx, 16x16", "x", 1.3, 1.0, _cpu_against("nginx", "16x16 plain")),
    Bar("CPU a message / nginx, 16x1", "x", 1.5, 1.1, _cpu_against("nginx", "16x1 plain")),
    Bar("CPU a message / nginx, 16x16, TLS", "x", 1.5, 1.0, _cpu_against("nginx", "16x16 tls")),
    Bar("CPU a message / nginx, 16x1, TLS", "x", 1.8, 1.2, _cpu_against("nginx", "16x1 tls")),
    Bar("stock Channels on Daphne / ours, 16x16", "x", 30, 60, _stock_against_ours),
    Bar("idle memory a connection, both sides", "KiB", 28, 16, _idle_memory),
    Bar("authenticated handshakes a second and core", "/s", 600, 1500, _handshakes_per_core),
    Bar("added p99 at half load", "ms", 3, 1, _added_p99),
    Bar("decision, five zones", "µs", 1.5, 0.8, _decision),
)
