"""Each function and each await of handshakes and sessions fails once; nothing is left, and neighbours never notice."""

from contextlib import asynccontextmanager, contextmanager

import pytest

from tests.faults.injection.faults import Fault, failing, functions_of
from tests.faults.injection.scenario import Platform, Scenario
from tests.faults.sessions.stage import neighbour_on, staged

pytestmark = [pytest.mark.faults, pytest.mark.asyncio, pytest.mark.timeout(180)]
HANDSHAKE = "relay.gateway.consumer:RelayConsumer.__call__"
MOST_AWAITS = 14  # a handshake has fewer that wait for something
SESSIONS = functions_of("relay.splicing.session", "relay.splicing.splice", "relay.splicing.walk")
LINES = functions_of("relay.splicing.waiting", "relay.splicing.turns")
HANDSHAKES = functions_of(
    "relay.gateway.consumer",
    "relay.gateway.door",
    "relay.gateway.admission",
    "relay.sharing.entering",
    "relay.sharing.leasing",
    "relay.sharing.place",
    "relay.upstream.dial",
    "relay.upstream.link",
    "relay.upstream.tokens",
)
NOT_TRIED = {
    "relay.gateway.door:ClientDoor.__init__",  # assigns, and nothing else
    "relay.gateway.door:ClientDoor.connection_made",  # what the event loop calls contains all that it does
    "relay.gateway.door:ClientDoor._open_in_turn",
    "relay.splicing.turns:Turns._next",
    "relay.upstream.link:_Dialog.connection_made",  # refused once its deadline has passed, after ten seconds
    "relay.splicing.session:Session.failing_alone",  # contains what others do
    "relay.splicing.session:_lasts",  # asked of each session in turn: it can't tell whose it is
}
EVERYWHERE = [(kind, platform) for kind in ("plain", "tls") for platform in Platform]


def functions(paths, owner):
    """Those of one class, or of a module alone."""
    return [path for path in paths if path not in NOT_TRIED and path.rpartition(".")[0] == owner]


def owners(paths):
    """All classes, and modules with functions of their own, that have something to try."""
    return sorted({path.rpartition(".")[0] for path in paths if path not in NOT_TRIED})


@contextmanager
def named(path):
    """Have a failure say in which function the fault was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"as {path} failed")
        raise


@pytest.fixture
def stage_of(faults_redis_url, tmp_path):
    """Sets stages: plain, or with TLS on both sides."""
    return lambda kind: staged(kind, faults_redis_url, tmp_path)


@asynccontextmanager
async def played(stage, platform_kind, fault):
    """A scenario beside a neighbour, which talks before and after, and to which changes come through."""
    async with neighbour_on(stage) as neighbour, stage.platform() as platform:
        await neighbour.talks()
        fault.spared.add(neighbour.tenant.record.client_id)
        before = await stage.tasks()
        scenario = Scenario(stage, platform, platform_kind, fault)
        yield scenario
        await scenario.leaves_nothing()
        await neighbour.talks()
        await neighbour.hears_of_changes()
        await stage.forgets(before)


async def handshakes_with(stage, platform_kind, path, fault):
    """Play handshakes in which a function fails, and tell whether it did."""
    async with played(stage, platform_kind, fault) as scenario:
        with failing(path, fault):
            await scenario.handshakes()
    return fault.has_struck


async def a_session_with(stage, platform_kind, path, fault):
    """Play whole sessions in which a function fails, and tell whether it did."""
    async with played(stage, platform_kind, fault) as scenario:
        with failing(path, fault):
            await scenario.traffic()
            await scenario.ends()
    return fault.has_struck


@pytest.mark.parametrize("cancels", [False, True], ids=["raises", "is_cancelled"])
@pytest.mark.parametrize("nth", range(1, MOST_AWAITS))
async def test_every_await_of_a_handshake_may_fail(stage_of, nth, cancels):
    async with stage_of("plain") as stage:
        await handshakes_with(stage, Platform.SILENT, HANDSHAKE, Fault(nth, cancels=cancels))


@pytest.mark.parametrize("owner", owners(HANDSHAKES))
async def test_every_function_of_a_handshake_may_fail(stage_of, owner):
    async with stage_of("plain") as stage:
        for path in functions(HANDSHAKES, owner):
            with named(path):
                await handshakes_with(stage, Platform.SILENT, path, Fault(1))


@pytest.mark.parametrize("owner", owners([*SESSIONS, *LINES]))
async def test_every_function_of_a_session_may_fail(stage_of, owner):
    async with stage_of("plain") as stage:
        for path in functions([*SESSIONS, *LINES], owner):
            with named(path):
                await a_session_with(stage, Platform.ACKNOWLEDGES, path, Fault(1))


@pytest.mark.conformance
@pytest.mark.parametrize("cancels", [False, True], ids=["raises", "is_cancelled"])
@pytest.mark.parametrize(("kind", "platform_kind"), EVERYWHERE)
async def test_every_await_of_a_handshake_may_fail_before_every_platform(stage_of, kind, platform_kind, cancels):
    async with stage_of(kind) as stage:
        for nth in range(1, MOST_AWAITS):
            await handshakes_with(stage, platform_kind, HANDSHAKE, Fault(nth, cancels=cancels))


@pytest.mark.conformance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("owner", owners([*HANDSHAKES, *SESSIONS, *LINES]))
@pytest.mark.parametrize(("kind", "platform_kind"), EVERYWHERE)
async def test_every_function_may_fail_before_every_platform(stage_of, kind, platform_kind, owner):
    async with stage_of(kind) as stage:
        for path in functions([*HANDSHAKES, *SESSIONS, *LINES], owner):
            for nth in (1, 3):
                with named(f"{path}, the {nth}. time"):
                    await handshakes_with(stage, platform_kind, path, Fault(nth))
                    await a_session_with(stage, platform_kind, path, Fault(nth))
