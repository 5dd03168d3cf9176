"""Shows what the demo's programs do: gathers their figures once a second, for a live table or a line in a log."""

import asyncio
import time

import aiohttp
from django.db import DatabaseError
from rich.console import Console
from rich.live import Live

from controlplane.demonstration.database import limits_in_force
from controlplane.demonstration.figures import Figures, Relays
from controlplane.demonstration.processes import RunningProgram
from controlplane.demonstration.table import Size, line, screen, takes_more
from relay.store.pool import StoreUnavailable
from relay.store.telemetry_stream import read_records

GATHER_SECONDS = 1.0
LINE_EVERY = 5  # gatherings, where no terminal shows a table
HTTP_OK = 200
ALIVE = aiohttp.ClientTimeout(total=0.5)  # for a relay process; one that died is asked in vain, and holds us up


class Gatherer:
    """Asks relays, platforms and the database for what ``figures`` adds up."""

    def __init__(
        self, figures: Figures, simulator_url: str, relay_urls: list[str], http: aiohttp.ClientSession
    ) -> None:
        """Begin now: what the telemetry stream holds from former demos does not count."""
        self.figures = figures
        self._relay_urls = relay_urls
        self._stats_url = f"{simulator_url}/control/stats"
        self._http = http
        self._position = f"{time.time_ns() // 1_000_000}-0"  # positions begin with the time in milliseconds

    async def gather(self) -> None:
        """Take over what came since the last time. Who does not answer is asked again the next time."""
        alive = await asyncio.gather(*(answers(self._http, f"{url}/livez", ALIVE) for url in self._relay_urls))
        self.figures.relays = Relays(sum(alive), len(alive))
        try:
            async with self._http.get(self._stats_url) as answer:
                self.figures.set_stats(await answer.json(), time.time())
            entries = await asyncio.to_thread(read_records, self._position)
            self.figures.set_limits(await asyncio.to_thread(limits_in_force))
        except (aiohttp.ClientError, TimeoutError, StoreUnavailable, DatabaseError):
            return
        for position, record in entries:
            self._position = position
            self.figures.add_record(record)


async def answers(http: aiohttp.ClientSession, url: str, patience: aiohttp.ClientTimeout | None = None) -> bool:
    """Tell whether a URL answers well, within the session's patience if none is given."""
    try:
        async with http.get(url, timeout=patience or http.timeout) as answer:
            return answer.status == HTTP_OK
    except (aiohttp.ClientError, TimeoutError):
        return False


async def show(gatherer: Gatherer, traffic: RunningProgram | None, console: Console, log_in: str) -> None:
    """Show the figures until cancelled.

    Args:
        gatherer: asks for them.
        traffic: says what the integrations want to send, if there are any.
        console: where they are shown.
        log_in: a line that stays in sight.
    """
    async with asyncio.TaskGroup() as group:
        if traffic is not None:
            group.create_task(_follow(traffic, gatherer.figures))
        if console.is_terminal:
            await _show_table(gatherer, console, log_in)
        else:
            await _show_lines(gatherer, console)


async def _follow(traffic: RunningProgram, figures: Figures) -> None:
    while report := await traffic.report_line():
        figures.add_report(report)


async def _show_table(gatherer: Gatherer, console: Console, log_in: str) -> None:
    figures = gatherer.figures
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            await gatherer.gather()
            if takes_more(console):
                size = Size(console.width, console.height)
                shown = screen(figures.rows(), figures.relays, log_in, size, has_traffic=figures.has_traffic)
                live.update(shown, refresh=True)
            await asyncio.sleep(GATHER_SECONDS)


async def _show_lines(gatherer: Gatherer, console: Console) -> None:
    figures = gatherer.figures
    while True:
        for _ in range(LINE_EVERY):
            await gatherer.gather()
            await asyncio.sleep(GATHER_SECONDS)
        if takes_more(console):
            text = line(figures.rows(), figures.relays, has_traffic=figures.has_traffic)
            console.print(text, soft_wrap=True, highlight=False, markup=False)
