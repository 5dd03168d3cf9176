"""The life of a demo: starts its programs in the right order, watches over them, and ends them, whatever happens."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from rich.console import Console

from controlplane.demonstration import programs
from controlplane.demonstration.credentials import Credentials
from controlplane.demonstration.database import DatabaseUnusable, fill, is_current
from controlplane.demonstration.environment import OWN_STORE_PORT, Demonstration
from controlplane.demonstration.figures import Figures
from controlplane.demonstration.processes import Crew, ProgramEnded
from controlplane.demonstration.programs import CannotStart
from controlplane.demonstration.seed import PLATFORM_CREDENTIALS, platform_credential
from controlplane.demonstration.show import Gatherer, show
from controlplane.demonstration.table import welcome
from relay.store.pool import StoreUnavailable, blocking

ENDED, FAILED, CANNOT_START = 0, 1, 2
START_SECONDS = 90.0  # a cold start on a slow machine compiles all of Django
POLL_SECONDS = 0.05
HTTP_OK = 200
ORDER_OF_ENDING = (("migration", "traffic"), ("relay",), ("web", "worker", "beat"), ("simulator",), ("valkey",))


async def run(demonstration: Demonstration, console: Console, *, has_traffic: bool) -> int:
    """Run a demo until SIGINT or SIGTERM; the exit status. Leaves no process.

    Returns:
        0 after a signal, 1 when a program ended by itself, 2 when something is missing.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))  # one database connection is enough
    crew = Crew()
    life = asyncio.create_task(_live(demonstration, crew, console, has_traffic=has_traffic), name="demo")
    stop = asyncio.create_task(stopped.wait(), name="wait for a signal")
    try:
        await asyncio.wait((life, stop, crew.casualty), return_when=asyncio.FIRST_COMPLETED)
        return _outcome(life, crew.casualty)
    finally:
        life.cancel()
        stop.cancel()
        await asyncio.gather(life, stop, return_exceptions=True)
        await crew.end(ORDER_OF_ENDING)


def _outcome(life: asyncio.Task[None], casualty: asyncio.Future[str]) -> int:
    """Say why it ended, if nobody asked for it."""
    if casualty.done():
        return _complain(casualty.result(), FAILED)
    failure = life.exception() if life.done() else None
    if isinstance(failure, CannotStart | DatabaseUnusable):
        return _complain(str(failure), CANNOT_START)
    if isinstance(failure, ProgramEnded | OSError):
        return _complain(str(failure), FAILED)
    if failure is not None:
        raise failure
    return ENDED


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(sentence + "\n")
    return status


async def _live(demonstration: Demonstration, crew: Crew, console: Console, *, has_traffic: bool) -> None:
    """Start everything and show it, for ever."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        credentials = await _start(demonstration, crew, http)
        logs = demonstration.log_file("web").parent
        text = welcome(credentials, demonstration.credentials_file, logs)
        console.print(text, soft_wrap=True, highlight=False, markup=False)
        traffic = await crew.start(programs.traffic(demonstration)) if has_traffic else None
        figures = Figures(credentials.clients, has_traffic=has_traffic)
        await show(Gatherer(figures, demonstration.simulator_url, http), traffic, console)


async def _start(demonstration: Demonstration, crew: Crew, http: aiohttp.ClientSession) -> Credentials:
    """Start all but the traffic, and wait until each can do its work."""
    programs.refuse_taken_ports(demonstration)
    own_store_port = os.environ.get(OWN_STORE_PORT)
    if own_store_port:
        await crew.start(programs.store(demonstration, int(own_store_port)))
    await crew.start(programs.simulator(demonstration))
    await _until(_store_answers, "Redis does not answer. Start it, or do without REDIS_URL: then the demo has its own.")
    if not await asyncio.to_thread(is_current, demonstration):
        await crew.run_to_end(programs.migration(demonstration))
    for program in (programs.web, programs.relay):
        await crew.start(program(demonstration))
    credentials = await asyncio.to_thread(fill, demonstration)  # while those two start
    for url in (
        f"{demonstration.simulator_url}/control/health",
        f"{demonstration.web_url}/readyz",
        f"{demonstration.relay_http_url}/readyz",
    ):
        await _until(_answering(http, url), f"{url} does not answer. The logs say why.")
    for platform in PLATFORM_CREDENTIALS:
        credential = platform_credential(platform)
        async with http.post(f"{demonstration.simulator_url}/control/credentials", json=credential) as answer:
            answer.raise_for_status()
    for program in (programs.worker, programs.beat):  # nobody waits for them
        await crew.start(program(demonstration))
    return credentials


async def _until(is_so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Ask again and again, for ``START_SECONDS`` at the most.

    Raises:
        CannotStart: it did not become so.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await is_so():  # noqa: ASYNC110 - other programs have no event for us
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise CannotStart(otherwise) from error


async def _store_answers() -> bool:
    try:
        return bool(await asyncio.to_thread(blocking().ping))
    except StoreUnavailable:
        return False


def _answering(http: aiohttp.ClientSession, url: str) -> Callable[[], Awaitable[bool]]:
    async def is_answering() -> bool:
        try:
            async with http.get(url) as answer:
                return answer.status == HTTP_OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    return is_answering
