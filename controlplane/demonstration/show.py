"""Shows what the demo's programs do: gathers their figures once a second, for a live table or a line in a log."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec
from django.db import DatabaseError
from rich.console import Console
from rich.live import Live

from controlplane.demonstration.database import limits_in_force
from controlplane.demonstration.figures import Figures
from controlplane.demonstration.processes import RunningProgram
from controlplane.demonstration.scenario import Limit
from controlplane.demonstration.table import line, screen
from relay.store.pool import StoreUnavailable
from relay.store.telemetry_stream import read_records
from relay.telemetry.records import TelemetryRecord

GATHER_SECONDS = 1.0
LINE_EVERY = 5  # gatherings, where no terminal shows a table


def _now_in_stream() -> str:
    """A position in the telemetry stream: ids begin with the time in milliseconds."""
    return f"{time.time_ns() // 1_000_000}-0"


@dataclass(slots=True)
class Gatherer:
    """Asks relays, platforms and the database for what ``figures`` adds up."""

    figures: Figures
    simulator_url: str
    http: aiohttp.ClientSession
    _position: str = field(default_factory=_now_in_stream)

    async def gather(self) -> None:
        """Take over what came since the last time. Who does not answer is asked again the next time."""
        try:
            async with self.http.get(f"{self.simulator_url}/control/stats") as answer:
                self.figures.set_stats(await answer.json(), time.time())
            records, limits = await asyncio.to_thread(self._read_stores)
        except (aiohttp.ClientError, TimeoutError, StoreUnavailable, DatabaseError):
            return
        for record in records:
            self.figures.add_record(record)
        self.figures.set_limits(limits)

    def _read_stores(self) -> tuple[list[TelemetryRecord], Mapping[str, Limit]]:
        entries = read_records(self._position)
        if entries:
            self._position = entries[-1][0]
        return [msgspec.json.decode(encoded, type=TelemetryRecord) for _, encoded in entries], limits_in_force()


async def show(gatherer: Gatherer, traffic: RunningProgram | None, console: Console) -> None:
    """Show the figures until cancelled; ``traffic`` says what the integrations want to send, if there are any."""
    async with asyncio.TaskGroup() as group:
        if traffic is not None:
            group.create_task(_follow(traffic, gatherer.figures))
        if console.is_terminal:
            await _show_table(gatherer, console)
        else:
            await _show_lines(gatherer, console)


async def _follow(traffic: RunningProgram, figures: Figures) -> None:
    while report := await traffic.report_line():
        figures.add_report(msgspec.json.decode(report))


async def _show_table(gatherer: Gatherer, console: Console) -> None:
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            await gatherer.gather()
            figures = gatherer.figures
            live.update(screen(figures.rows(), console.width, has_traffic=figures.has_traffic), refresh=True)
            await asyncio.sleep(GATHER_SECONDS)


async def _show_lines(gatherer: Gatherer, console: Console) -> None:
    while True:
        for _ in range(LINE_EVERY):
            await gatherer.gather()
            await asyncio.sleep(GATHER_SECONDS)
        text = line(gatherer.figures.rows(), has_traffic=gatherer.figures.has_traffic)
        console.print(text, soft_wrap=True, highlight=False, markup=False)
