import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest

from tests.faults.ground.clients import answer_to, connected, flooding, push
from tests.faults.ground.flooder import Flood
from tests.faults.ground.ledger import Verdict
from tests.faults.ground.processes import unread_bytes
from tests.faults.ground.sender import codes_of
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
KIB = 1024
EACH = 4
RESTART_SECONDS = 15
END_SECONDS = 3


async def split_over_two_processes(relay, crowd):
    """Half of the clients on each of a supervisor's processes: while one is stopped, the other takes them."""
    first, second = sorted(relay.children())
    halves = {}
    for taking, stopped in ((first, second), (second, first)):
        os.kill(stopped, signal.SIGSTOP)
        halves[taking] = senders = crowd.join(relay.url, EACH, reads=False)
        await eventually(lambda senders=senders: all(sender.sent for sender in senders), 30)
        os.kill(stopped, signal.SIGCONT)
    return halves


async def killed_under_load(relay, crowd):
    """Kill one of two processes while platform data lies unread in its sockets: process id, its clients, others."""
    halves = await split_over_two_processes(relay, crowd)
    push(crowd.platform, rate=200, size=16 * KIB)
    await eventually(lambda: sum(unread > 16 * KIB for unread in unread_bytes(crowd.platform)) == 2 * EACH, 30)
    killed, other = halves
    os.kill(killed, signal.SIGKILL)
    return killed, halves[killed], halves[other]


@pytest.mark.soak
async def test_f1_a_killed_process_is_replaced_and_what_it_delivered_has_no_gap(relay_of, crowd, told):
    relay = relay_of(processes=2, FLOODGATE_SLOW_READER_SECONDS="600")
    killed, its_clients, others = await killed_under_load(relay, crowd)
    killed_at = time.monotonic()

    answer = await answer_to(relay.port, crowd.headers())
    await eventually(lambda: len(relay.children() - {killed}) == 2, RESTART_SECONDS)
    replaced_seconds = time.monotonic() - killed_at
    await eventually(lambda: all(sender.connected == 2 for sender in its_clients), RESTART_SECONDS)
    back_seconds = time.monotonic() - killed_at
    push(crowd.platform, rate=0)
    await crowd.leave()

    verdict = crowd.verdict()
    figures = f"handshake {answer.seconds:.2f} s, replaced {replaced_seconds:.1f} s, clients back {back_seconds:.1f} s"
    told(f"F1: sent {crowd.ledger.sent}, {verdict}, closes {dict(codes_of(its_clients))}, {figures}")
    assert verdict == Verdict()
    assert codes_of(its_clients) == {1006: EACH}
    assert not codes_of(others)
    assert answer.status == 101


@pytest.mark.conformance
async def test_f1_twin_without_a_supervisor_that_restarts_one_process_is_missing(relay_of, crowd):
    relay = relay_of(processes=2, broken="restart")
    killed, _, _ = await killed_under_load(relay, crowd)

    await turns(RESTART_SECONDS)

    assert len(relay.children() - {killed}) == 1
    push(crowd.platform, rate=0)
    await crowd.leave()


async def drained(relay, crowd, patience_seconds):
    """End a relay that has clients that read, one that never does, and one that floods.

    Returns:
        Seconds until it has ended, infinite where it has not; those that read; what became of the flood.
    """
    senders = crowd.join(relay.url, EACH)
    await eventually(lambda: all(sender.sent for sender in senders), 30)
    deaf = await connected(relay.port, crowd.headers(), reads=False, path="/v2/websocket/push")
    push(crowd.platform, rate=100, size=64 * KIB, channel="push")
    order = Flood(relay.port, crowd.headers()["Authorization"], "one_byte", seconds=60)
    outcome = asyncio.create_task(flooding(order))
    await eventually(lambda: relay.metric("floodgate_connections") == EACH + 2, 30)
    await turns(2)

    began = time.monotonic()
    relay.signal(signal.SIGTERM)
    with suppress(TimeoutError):
        await eventually(relay.has_ended, patience_seconds)
    seconds = time.monotonic() - began if relay.has_ended() else float("inf")
    relay.kill()
    await crowd.leave()
    await drop(deaf.writer)
    return seconds, senders, await outcome


@pytest.mark.soak
@pytest.mark.parametrize("window_seconds", [3, 30])
async def test_f2_f3_a_drain_tells_who_reads_and_ends_in_time_whoever_does_not(window_seconds, relay_of, crowd, told):
    relay = relay_of(FLOODGATE_DRAIN_SECONDS=str(window_seconds))

    seconds, senders, flood = await drained(relay, crowd, window_seconds + 4 * END_SECONDS)

    codes, refusals = codes_of(senders), [sender.refusals[0] for sender in senders if sender.refusals]
    told(f"F2/F3, {window_seconds} s: ended after {seconds:.1f} s, closes {dict(codes)}, then refused {refusals}")
    assert codes == {1012: EACH}
    assert flood.open_at_end == 0
    assert all(status == 503 and retry_after for status, retry_after in refusals)
    assert seconds <= window_seconds + END_SECONDS


@pytest.mark.conformance
async def test_f2_twin_without_a_drain_nobody_is_told(relay_of, crowd):
    relay = relay_of(broken="drain", FLOODGATE_DRAIN_SECONDS="1")

    _, senders, _ = await drained(relay, crowd, 5 * END_SECONDS)

    assert codes_of(senders)[1012] == 0


@pytest.mark.conformance
async def test_f3_twin_without_an_abort_one_that_never_reads_keeps_the_process(relay_of, crowd):
    relay = relay_of(broken="abort", FLOODGATE_DRAIN_SECONDS="1")

    seconds, _, _ = await drained(relay, crowd, 1 + 4 * END_SECONDS)

    assert seconds > 1 + END_SECONDS
