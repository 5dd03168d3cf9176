import asyncio
import os
import signal
import socket
import sys

import pytest
import pytest_asyncio

from relay.process.supervisor import Supervisor
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio
BEGIN = "import os, signal, socket, sys, time; line = socket.socket(fileno=int(sys.argv[2]))\n"
BEATS = BEGIN + "line.send(b'ready')\nwhile line.send(b'.'): time.sleep(0.2)"
WEDGED = BEGIN + "line.send(b'ready')\ntime.sleep(60)"
DEAF = BEGIN + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + BEATS.removeprefix(BEGIN)
CUT_OFF = BEGIN + "line.send(b'ready')\nline.close()\ntime.sleep(60)"
FAILS = BEGIN + "line.send(b'ready')\ntime.sleep(0.2)\nline.send(b'!')\n" + BEATS.removeprefix(BEGIN)
NEVER_READY = BEGIN + "sys.exit(3)"
WEDGED_SECONDS, END_SECONDS = 2.0, 0.5


class Programs:
    """What a supervisor starts, in this order, and the last one for ever; None can't be started."""

    def __init__(self):
        self.next = [BEATS]

    def __call__(self, inherited):
        program = self.next.pop(0) if len(self.next) > 1 else self.next[0]
        if program is None:
            return ("/no/such/program",)
        return (sys.executable, "-S", "-c", program, *map(str, inherited))


@pytest.fixture
def programs():
    return Programs()


@pytest_asyncio.fixture
async def supervised(programs):
    """Starts a supervisor in this process; gives the process ids of its children."""
    with socket.socket() as listener:
        running = []

        def start(processes, *first):
            programs.next = [*first, BEATS]
            supervisor = Supervisor(programs, listener, processes, END_SECONDS)
            supervisor.wedged_seconds = WEDGED_SECONDS
            running.append(asyncio.create_task(supervisor.run()))
            return running[0]

        yield start
        for task in running:
            if not task.done():
                os.kill(os.getpid(), signal.SIGTERM)
                await task


def children():
    """Process ids of this process's children, as their supervisor names its tasks."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    return {name.removeprefix("relay process ") for name in names if name.startswith("relay process ")}


def logged(caplog, event):
    return [record.msg for record in caplog.records if event in str(record.msg)]


async def test_f62_a_start_that_fails_is_tried_again_and_the_others_go_on(supervised, caplog):
    supervised(2, None, None, BEATS)

    await eventually(lambda: len(children()) == 2)

    assert len(logged(caplog, "relay_process_not_started")) == 2


async def test_f61_a_child_whose_loop_stands_still_is_killed_and_replaced(supervised, caplog):
    supervised(1, WEDGED)
    [wedged] = await eventually(children)

    await eventually(lambda: children() - {wedged})

    [killed] = logged(caplog, "relay_process_killed")
    assert (str(killed["process_id"]), killed["reason"]) == (wedged, "no heartbeat of its event loop")


async def test_a_child_whose_lifeline_breaks_while_it_lives_is_killed_and_replaced(supervised):
    supervised(1, CUT_OFF)
    [cut_off] = await eventually(children)

    await eventually(lambda: children() - {cut_off})


async def test_a_child_that_does_not_end_is_killed_at_the_end(supervised, caplog):
    supervising = supervised(2, DEAF, DEAF)
    await eventually(lambda: len(children()) == 2)

    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10 * END_SECONDS):
        await supervising

    assert not children()


async def test_a_supervisor_that_waits_for_its_next_try_ends_at_once(supervised, caplog):
    supervising = supervised(1, None, None, None, None, None)
    await eventually(lambda: len(logged(caplog, "relay_process_ended")) == 2)

    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(END_SECONDS):
        await supervising


@pytest.mark.parametrize("program", [None, NEVER_READY], ids=["not started", "never ready"])
async def test_a_replacement_that_fails_leaves_the_former_child_running(supervised, caplog, program):
    supervised(1, BEATS, program)
    [former] = await eventually(children)

    os.kill(os.getpid(), signal.SIGHUP)
    await eventually(lambda: logged(caplog, "rolling_restart_stopped"))
    await eventually(lambda: children() == {former})


async def test_a_replacement_that_dies_while_the_former_child_drains_is_replaced_at_once(supervised, programs, caplog):
    supervised(1, BEATS, WEDGED)
    [former] = await eventually(children)

    os.kill(os.getpid(), signal.SIGHUP)
    [new] = await eventually(lambda: children() - {former})
    await eventually(lambda: children() - {former, new})


async def test_f60_a_child_that_says_it_fails_is_replaced_while_it_drains(supervised):
    supervised(1, FAILS)
    [failing] = await eventually(children)

    await eventually(lambda: len(children()) == 2)

    assert failing in children()
