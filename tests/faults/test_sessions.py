"""Whole sessions at random, with a seed that is printed: SESSIONS_SEED=... plays one again."""

import asyncio
import multiprocessing
import os
import random
from contextlib import AsyncExitStack, ExitStack, contextmanager
from itertools import cycle
from traceback import format_exc

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from relay.store.pool import blocking
from tests.faults.sessions.fuzzer import fuzz
from tests.faults.sessions.machine import LIMITS, Sessions, policy_of
from tests.faults.sessions.stage import Tenant, neighbour_on, staged
from tests.relay.eventually import eventually
from tests.relay.store.own_server import OwnServer

pytestmark = pytest.mark.faults
FEW, MANY = 30, 10_000
PROCESSES = 10  # they wait more than they work
STEPS = 25
FAILURE = "failure.txt"
AT_ONCE = 12
GONE_SECONDS = 35.0  # the longest bound on an ending: a platform that does not read what its client left behind


@pytest.fixture
def loop():
    """The loop on which both ends of all connections live."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def stage_of(faults_redis_url, loop, tmp_path):
    """Sets stages: plain, or with TLS on both sides."""
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(on_loop(loop, staged(kind, faults_redis_url, tmp_path)))


@contextmanager
def on_loop(loop, context):
    """Enter and leave on a loop that runs only now and then."""
    entered = loop.run_until_complete(context.__aenter__())
    try:
        yield entered
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))


def chosen_seed():
    """The seed that somebody wants to play again, or another."""
    return int(os.environ.get("SESSIONS_SEED", random.randrange(2**32)))


def play(stage, loop, runs, chosen):
    """Play so many runs at random on a stage, beside a neighbour; afterwards no task is left."""
    with on_loop(loop, neighbour_on(stage)) as neighbour:
        before = loop.run_until_complete(stage.tasks())
        machine = type("Played", (Sessions,), {"stage": stage, "neighbour": neighbour, "loop": loop})
        run_state_machine_as_test(
            seed(chosen)(machine),
            settings=settings(
                max_examples=runs,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # sockets and time can't be played again exactly
                suppress_health_check=list(HealthCheck),
            ),
        )
        loop.run_until_complete(stage.forgets(before))


def play_alone(kind, folder, runs, chosen):
    """Play in this process, with a Redis of its own; what goes wrong is in the folder's file."""
    server = OwnServer()
    server.start()
    blocking.cache_clear()
    try:
        with override_settings(REDIS_URL=server.url), asyncio.Runner() as runner:
            with on_loop(runner.get_loop(), staged(kind, server.url, folder)) as stage:
                play(stage, runner.get_loop(), runs, chosen)
            blocking().close()
    except BaseException:
        (folder / FAILURE).write_text(format_exc())
        raise
    finally:
        server.end()


async def fuzzed(stage, seconds, told):
    """Have clients of all kinds do anything, beside a neighbour; nothing of them is left in the relay."""
    chosen = chosen_seed()
    async with neighbour_on(stage) as neighbour, AsyncExitStack() as stack:
        before, tenants = await stage.tasks(), []
        for _, limit in zip(range(AT_ONCE), cycle(LIMITS), strict=False):
            platform = await stack.enter_async_context(stage.platform())
            tenants.append(Tenant(stage, platform, policy_of(limit, 1)))
        fuzzers = [
            fuzz(stage, tenant, random.Random(chosen + number), seconds) for number, tenant in enumerate(tenants)
        ]
        clients = sum(await asyncio.gather(*fuzzers))
        told(f"{clients} clients in {seconds} s, SESSIONS_SEED={chosen}")
        await eventually(lambda: not any(stage.held(tenant.record) for tenant in tenants), GONE_SECONDS)
        await eventually(lambda: not stage.waiting)
        await neighbour.talks()
        await neighbour.hears_of_changes()
        await stage.forgets(before)
    assert not (complaints := stage.complaints.taken()), "\n".join(complaints)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_nothing_of_a_session_is_left_whatever_both_ends_do(stage_of, loop, told, kind):
    stage, chosen = stage_of(kind), chosen_seed()

    told(f"{FEW} sessions, {kind}, SESSIONS_SEED={chosen}")
    play(stage, loop, FEW, chosen)


@pytest.mark.soak
@pytest.mark.beside
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_nothing_is_left_of_ten_thousand_sessions(tmp_path, told, kind):
    chosen, runs, forking = chosen_seed(), MANY // 2 // PROCESSES, multiprocessing.get_context("fork")
    players = []
    for number in range(PROCESSES):
        told(f"{runs} sessions, {kind}, SESSIONS_SEED={chosen + number}")
        (folder := tmp_path / str(number)).mkdir()
        players.append(forking.Process(target=play_alone, args=(kind, folder, runs, chosen + number)))

    for player in players:
        player.start()
    for player in players:
        player.join()

    assert not [failure.read_text() for failure in tmp_path.glob(f"*/{FAILURE}")]
    assert [player.exitcode for player in players] == [0] * PROCESSES


@pytest.mark.timeout(120)
def test_nothing_is_left_of_clients_that_do_anything(stage_of, loop, told):
    stage = stage_of("plain")

    loop.run_until_complete(fuzzed(stage, 5.0, told))


@pytest.mark.soak
@pytest.mark.beside
@pytest.mark.timeout(1200)
def test_nothing_is_left_after_ten_minutes_of_clients_that_do_anything(stage_of, loop, told):
    stage = stage_of("plain")

    loop.run_until_complete(fuzzed(stage, 600.0, told))
