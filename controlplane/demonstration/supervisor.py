"""The life of a demo: starts its programs in the right order, watches over them, and ends them, whatever happens."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial

import aiohttp
from rich.console import Console

from controlplane.demonstration import programs
from controlplane.demonstration.credentials import Credentials
from controlplane.demonstration.database import DatabaseUnusable, fill, is_current, store_answers
from controlplane.demonstration.environment import Demonstration, own_store_port
from controlplane.demonstration.figures import Figures
from controlplane.demonstration.processes import Crew, ProgramEnded
from controlplane.demonstration.seed import PLATFORM_CREDENTIALS, platform_credential
from controlplane.demonstration.show import Gatherer, answers, show
from controlplane.demonstration.table import log_in_line, takes_more, welcome
from relay.tasks import roll_up_telemetry

ENDED, FAILED, CANNOT_START = 0, 1, 2
START_SECONDS = 90.0  # a cold start on a slow machine compiles all of Django
STORE_SECONDS = 10.0
POLL_SECONDS = 0.05
ENDED_FIRST = (("migration", "traffic"), ("worker", "beat"), ("relay",))
ENDED_LAST = (("web",), ("simulator",), ("valkey",))
STORE_IS_SILENT = (
    "Redis does not answer at REDIS_URL. Start it, or unset REDIS_URL: then the demo has a Valkey of its own."
)


async def run(demonstration: Demonstration, console: Console, *, has_traffic: bool) -> int:
    """Run a demo until SIGINT or SIGTERM; the exit status. Leaves no process.

    Returns:
        0 after a signal, 1 when a program ended by itself, 2 when something is missing.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    crew = Crew()
    life = asyncio.create_task(_live(demonstration, crew, console, has_traffic=has_traffic), name="demo")
    stop = asyncio.create_task(stopped.wait(), name="wait for a signal")
    try:
        await asyncio.wait((life, stop, crew.casualty), return_when=asyncio.FIRST_COMPLETED)
        why, status = _outcome(life, crew.casualty)
    finally:
        life.cancel()
        stop.cancel()
        await asyncio.gather(life, stop, return_exceptions=True)
        if stopped.is_set() and takes_more(console):
            console.print("Ending all programs.")
        await crew.end(ENDED_FIRST)
        await asyncio.to_thread(roll_up_telemetry)  # Valkey forgets the last counts, which would be marked as a gap
        await crew.end(ENDED_LAST)
        await crew.kill_what_is_left()
    if why:  # only now: the table would be drawn over it
        Console(stderr=True).print(why, soft_wrap=True, highlight=False, markup=False)
    return status


def _outcome(life: asyncio.Task[None], casualty: asyncio.Future[str]) -> tuple[str, int]:
    """Why it ended, if nobody asked for it, and the exit status."""
    if casualty.done():
        return casualty.result(), FAILED
    failure = life.exception() if life.done() else None
    if isinstance(failure, programs.CannotStart | DatabaseUnusable):
        return str(failure), CANNOT_START
    if isinstance(failure, ProgramEnded | OSError):
        return str(failure), FAILED
    if failure is not None:
        raise failure
    return "", ENDED


async def _live(demonstration: Demonstration, crew: Crew, console: Console, *, has_traffic: bool) -> None:
    """Start everything and show it, for ever."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        say = partial(console.print, soft_wrap=True, highlight=False, markup=False)
        credentials = await _start(demonstration, crew, http, say)
        say(welcome(credentials, demonstration.credentials_file, demonstration.log_file("web").parent))
        traffic = await crew.start(programs.traffic(demonstration)) if has_traffic else None
        figures = Figures(credentials.clients, has_traffic=has_traffic)
        gatherer = Gatherer(figures, demonstration.simulator_url, demonstration.operations_urls, http)
        await show(gatherer, traffic, console, log_in_line(credentials))


async def _start(
    demonstration: Demonstration, crew: Crew, http: aiohttp.ClientSession, say: Callable[[str], None]
) -> Credentials:
    """Start all but the traffic, and wait until each can do its work; ``say`` tells people what goes on meanwhile."""
    programs.refuse_taken_ports(demonstration)
    say("Starting Floodgate and the simulated platforms.")
    await _start_store(demonstration, crew)
    await crew.start(programs.simulator(demonstration))
    if not await asyncio.to_thread(is_current, demonstration):
        say("Making the database: this time only.")
        await crew.run_to_end(programs.migration(demonstration))
    say("Waiting for web and the relay to answer.")
    for program in (programs.web, programs.relay):
        await crew.start(program(demonstration))
    credentials = await asyncio.to_thread(fill, demonstration)  # while those two start
    await _until_answering(http, f"{demonstration.simulator_url}/control/health")
    await _until_answering(http, f"{demonstration.web_url}/readyz")
    for url in demonstration.operations_urls:
        await _until_answering(http, f"{url}/readyz")
    for platform in PLATFORM_CREDENTIALS:
        credential = platform_credential(platform)
        async with http.post(f"{demonstration.simulator_url}/control/credentials", json=credential) as answer:
            answer.raise_for_status()
    for program in (programs.worker, programs.beat):  # nobody waits for them
        await crew.start(program(demonstration))
    return credentials


async def _start_store(demonstration: Demonstration, crew: Crew) -> None:
    """Start a Valkey where none is given, and wait for whichever it is."""
    port = own_store_port()
    if port:
        await crew.start(programs.store(demonstration, port))
    try:
        async with asyncio.timeout(STORE_SECONDS):
            while not await asyncio.to_thread(store_answers):  # noqa: ASYNC110 - a program has no event for us
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise programs.CannotStart(STORE_IS_SILENT) from error


async def _until_answering(http: aiohttp.ClientSession, url: str) -> None:
    """Ask until the answer is good.

    Raises:
        CannotStart: it was not, for ``START_SECONDS``.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await answers(http, url):  # noqa: ASYNC110 - as above
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise programs.CannotStart(f"{url} has not answered well for {START_SECONDS:g} s. The logs say why.") from error
