import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import websockets

from relay.process.supervisor import HEALTHY_SECONDS, pause_after
from tests.architecture.sources import ROOT
from tests.relay.eventually import eventually
from tests.relay.integration import close_of
from tests.relay.running import HOST, free_range

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
OPEN = re.compile(r"^floodgate_connections\{.*\} (\d+)", re.MULTILINE)


class Fleet:
    """A supervisor, started as people start it."""

    def __init__(self, process, port, operations_ports):
        """Its process, where all its children listen, and where each does for operations."""
        self.process = process
        self.port = port
        self.operations_ports = operations_ports

    def children(self):
        """Process ids of its children that live."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return {int(child) for child in listed.split()}

    async def told(self, event):
        """The next line of its log that tells of an event."""
        while True:
            line = await self.process.stdout.readline()
            if event.encode() in line:
                return json.loads(line)

    async def connections(self):
        """How many are open, as each child's metrics tell."""
        return [sum(map(int, OPEN.findall(await self.page(port)))) for port in self.operations_ports]

    async def page(self, port, path="/metrics"):
        """What the child at a port for operations answers, well or not at all."""
        async with aiohttp.ClientSession() as http, http.get(f"http://{HOST}:{port}{path}") as answer:
            answer.raise_for_status()
            return await answer.text()

    async def ready(self, count):
        """Wait until so many children live and one answers."""
        await eventually(lambda: len(self.children()) == count, seconds=30)
        async with aiohttp.ClientSession() as http:

            async def answers():
                with suppress(aiohttp.ClientError):
                    async with http.get(f"http://{HOST}:{self.operations_ports[0]}/readyz") as answer:
                        return answer.status == 200

            while not await answers():
                await asyncio.wait([asyncio.create_task(answers())], timeout=0.1)


@pytest_asyncio.fixture
async def fleet(relays_redis_url, store):
    """Two relay processes; their supervisor is killed at the end, if the test did not end it."""
    variables = {**os.environ, "REDIS_URL": relays_redis_url, "FLOODGATE_DRAIN_SECONDS": "1"}
    first = free_range(2)
    variables |= {"FLOODGATE_OPERATIONS_PORT": str(first)}
    variables |= {"FLOODGATE_ADDRESS_HANDSHAKE_PERMITS": "1000", "FLOODGATE_ADDRESS_HANDSHAKE_BURST": "1000"}
    command = (sys.executable, "manage.py", "relay", "--port", "0", "--processes", "2")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=variables, stdout=PIPE)
    told = (await process.stdout.readline()).decode()
    fleet = Fleet(process, int(re.search(r":(\d+)$", told.strip())[1]), (first, first + 1))
    await fleet.ready(2)
    yield fleet
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@pytest.fixture
def integration_there(integration_of):
    """A client whose address is the fleet's."""
    return integration_of()


async def connect(fleet, integration):
    """An open connection to one of the children."""
    url = f"ws://{HOST}:{fleet.port}/v2/websocket/echo"
    return await websockets.connect(url, additional_headers=integration.headers(), proxy=None)


async def test_sigterm_ends_all_children_and_tells_their_clients(fleet, integration_there):
    connections = [await connect(fleet, integration_there) for _ in range(6)]

    fleet.process.terminate()

    assert {(await close_of(connection))[0] for connection in connections} == {1012}
    assert await fleet.process.wait() == 0


async def test_f1_a_child_that_dies_is_replaced_and_the_other_goes_on(fleet, integration_there):
    victim, other = fleet.children()

    os.kill(victim, signal.SIGKILL)
    ended = await fleet.told("relay_process_ended")

    assert (ended["status"], ended["restarts_in_seconds"]) == (-signal.SIGKILL, 0.5)
    await eventually(lambda: len(fleet.children()) == 2 and victim not in fleet.children(), seconds=30)
    assert other in fleet.children()
    connection = await connect(fleet, integration_there)
    await connection.send("hi")
    assert await connection.recv() == "hi"
    await connection.close()


async def test_f49_sighup_replaces_the_children_one_by_one_and_somebody_always_answers(fleet, integration_there):
    before, refused, answered = fleet.children(), [], 0
    connections = [await connect(fleet, integration_there) for _ in range(4)]

    fleet.process.send_signal(signal.SIGHUP)
    while before & fleet.children() or len(fleet.children()) != 2:
        try:
            connection = await connect(fleet, integration_there)
        except websockets.InvalidStatus as failure:
            refused.append((failure.response.status_code, failure.response.headers.get("Retry-After")))
        else:
            answered += 1
            await connection.close()

    assert answered
    assert all(status == 503 and retry_after for status, retry_after in refused)
    assert {(await close_of(connection))[0] for connection in connections} == {1012}


async def test_f49_a_sighup_that_reaches_the_children_too_cuts_nobody_off(fleet, integration_there):
    connections = [await connect(fleet, integration_there) for _ in range(4)]

    for process_id in (*fleet.children(), fleet.process.pid):  # as pkill does, or a terminal that hangs up
        os.kill(process_id, signal.SIGHUP)

    assert {(await close_of(connection))[0] for connection in connections} == {1012}


async def test_each_child_tells_of_itself_on_a_port_of_its_own(fleet, integration_there):
    connections = [await connect(fleet, integration_there) for _ in range(8)]

    told = await fleet.connections()

    assert sum(told) == len(connections)
    assert [await fleet.connections() for _ in range(5)] == [told] * 5


async def test_f1_whoever_takes_the_place_of_a_child_that_died_answers_on_its_port(fleet, integration_there):
    for _ in range(8):
        await connect(fleet, integration_there)
    first, second = await fleet.connections()

    os.kill(min(fleet.children()), signal.SIGKILL)
    await fleet.told("relay_process_ended")
    after = await fleet.connections()  # the port stays open meanwhile: whoever asks is answered by the next child

    assert after in ([0, second], [first, 0])


async def test_f49_each_port_for_operations_answers_all_through_a_rolling_restart(fleet, integration_there):
    before, told = fleet.children(), []
    connections = [await connect(fleet, integration_there) for _ in range(4)]

    fleet.process.send_signal(signal.SIGHUP)
    while before & fleet.children() or len(fleet.children()) != 2:
        told += [await fleet.page(port, "/livez") for port in fleet.operations_ports]

    assert set(told) == {'{"status": "ok"}'}
    assert {(await close_of(connection))[0] for connection in connections} == {1012}
    assert await fleet.connections() == [0, 0]


async def test_children_end_when_their_supervisor_is_killed(fleet):
    children = fleet.children()

    fleet.process.kill()

    await eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), seconds=15)


async def test_pauses_between_restarts_grow_to_half_a_minute_and_begin_anew_after_a_child_that_lived():
    pauses = [0.0]
    for _ in range(8):
        pauses.append(pause_after(pauses[-1], 1.0))

    assert pauses[1:] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause_after(30.0, HEALTHY_SECONDS + 1) == 0.5
