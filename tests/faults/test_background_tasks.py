import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from relay.process.supervisor import HEALTHY_SECONDS
from relay.store.announcements import announce
from relay.store.client_records import replace_records
from relay.store.revocations import list_revoked_tokens
from tests.faults.ground.clients import connected
from tests.faults.ground.ledger import Verdict
from tests.faults.ground.processes import watches
from tests.faults.ground.sender import codes_of
from tests.relay import records
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop
from tests.relay.running import BACKGROUND_TASKS

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(600)]
PROCESSES, SENDERS = 4, 12
AGAIN_SECONDS, IN_FORCE_SECONDS, PATIENCE_SECONDS = 5.0, 1.0, 40.0
WEDGED_SECONDS = 15.0
ECHO = "/v2/websocket/echo"


@pytest.fixture
def mortal(relay_of, tmp_path):
    """Starts four processes; SIGUSR1 ends the background task that the file names, SIGUSR2 blocks the event loop."""
    named = tmp_path / "task"

    def start():
        return relay_of(processes=PROCESSES, broken="mortal", MORTAL_TASK=str(named)), named

    return start


def age(process_id):
    """For how long a process has lived."""
    return time.time() - Path(f"/proc/{process_id}").stat().st_ctime


async def replaced(relay, victim):
    """Wait until another process accepts in the place of one that ends; how long that took."""
    began = time.monotonic()
    await eventually(
        lambda: (
            victim not in relay.children() and sum(watches(each, relay.port) for each in relay.children()) == PROCESSES
        ),
        PATIENCE_SECONDS,
    )
    return time.monotonic() - began


async def seconds_until_revoked(relay, platform, number):
    """How long a revocation takes to close the connections that its token opened, over all processes."""
    leads_there = records.platform_connection(
        f"http://127.0.0.1:{platform}", socket_url=f"ws://127.0.0.1:{platform}/v2/websocket/{{channel}}"
    )
    record, token = records.client(leads_there), f"token-{number}"
    replace_records(record.tenant_id, [record])
    headers = {"Authorization": f"Bearer {records.token_of(record, jti=token)}"}
    opened = [await connected(relay.port, headers, path=ECHO) for _ in range(2 * PROCESSES)]
    began = time.monotonic()
    list_revoked_tokens(record.tenant_id, {token: time.time() + 600})
    announce(record.tenant_id)
    closes = await asyncio.gather(*(each.close_frame() for each in opened))
    seconds = time.monotonic() - began
    for each in opened:
        await drop(each.writer)
    assert {code for code, _ in closes} == {4502}
    return seconds


async def test_f60_each_background_task_that_ends_under_load_costs_its_process_and_nobody_else(mortal, crowd, told):
    relay, named = mortal()
    senders = crowd.join(relay.url, SENDERS)
    await eventually(lambda: all(sender.sent for sender in senders), PATIENCE_SECONDS)
    took, revoked = {}, {}
    for number, name in enumerate(BACKGROUND_TASKS):
        victim = max(relay.children(), key=age)
        await turns(max(0.0, HEALTHY_SECONDS + 1 - age(victim)))  # else its supervisor would take it for a failed start
        named.write_text(name)
        os.kill(victim, signal.SIGUSR1)
        took[name] = await replaced(relay, victim)
        revoked[name] = await seconds_until_revoked(relay, crowd.platform, number)
    await eventually(lambda: all(sender.connected > len(sender.codes) for sender in senders), PATIENCE_SECONDS)
    await crowd.leave()

    told(f"F60: sent {crowd.ledger.sent}, {crowd.verdict()}, closes {dict(codes_of(senders))}")
    told(f"replaced after {took}, revoked within {max(revoked.values()):.2f} s")
    assert crowd.verdict() == Verdict()
    assert set(codes_of(senders)) <= {1012}
    assert max(took.values()) <= AGAIN_SECONDS
    assert max(revoked.values()) <= IN_FORCE_SECONDS


async def test_f61_a_process_whose_event_loop_stands_still_is_replaced_and_the_others_go_on(mortal, crowd, told):
    relay, _ = mortal()
    senders = crowd.join(relay.url, SENDERS)
    await eventually(lambda: all(sender.sent for sender in senders), PATIENCE_SECONDS)
    victim = relay.busiest()

    os.kill(victim, signal.SIGUSR2)
    seconds = await replaced(relay, victim)
    await eventually(lambda: all(sender.connected > len(sender.codes) for sender in senders), PATIENCE_SECONDS)
    await crowd.leave()

    told(f"F61: replaced after {seconds:.1f} s, {crowd.verdict()}, closes {dict(codes_of(senders))}")
    assert set(codes_of(senders)) == {1006}
    assert WEDGED_SECONDS - 1 <= seconds <= WEDGED_SECONDS + 2 * AGAIN_SECONDS
