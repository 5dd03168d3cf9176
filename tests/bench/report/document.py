"""The JSON document of a run: every number of every round, the verdicts, and the machine they are true for."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from tests.bench.report.bars import BARS
from tests.bench.report.readings import Readings
from tests.bench.rounds import Plan

_LIBRARIES = ("channels", "daphne", "django", "uvicorn", "uvloop", "websockets")


def write_document(path: Path, readings: Readings, plan: Plan, missing: Sequence[str]) -> None:
    """Write the document; folders that do not exist are made."""
    document = {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {library: version(library) for library in _LIBRARIES},
        "plan": {"rounds": plan.rounds, "seconds": plan.seconds, "idle_connections": plan.idle_connections},
        "missing": list(missing),
        "bars": [_bar(readings, place) for place in range(len(BARS))],
        "readings": readings.as_document(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
    }


def _bar(readings: Readings, place: int) -> dict[str, object]:
    bar = BARS[place]
    measured = bar.measure(readings)
    return {
        "name": bar.name,
        "unit": bar.unit,
        "at_least": bar.least,
        "aim": bar.aim,
        "measured": measured,
        "verdict": bar.judge(measured),
    }
