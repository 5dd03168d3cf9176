import asyncio
import itertools
import time

import pytest

from relay.throttle.policy import Beyond, Counted, Scope, ZonePolicy
from tests.faults.ground.clients import connected, handshake
from tests.relay.eventually import turns
from tests.relay.integration import drop
from tests.relay.records import policy

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
CLIENTS, PERMITS = 500, 25
# In the proportions of the defaults: 5 a second, burst 10, delay 10.
HANDSHAKES = ZonePolicy(
    name="handshakes",
    scope=Scope.CLIENT,
    counted=Counted.HANDSHAKES,
    permits=PERMITS,
    burst=2 * PERMITS,
    delay=2 * PERMITS,
    beyond=Beyond.REJECT,
)
READ_LATE_SECONDS = 0.2  # what is measured is when an answer was read
RETRY_SECONDS = 0.05  # while nobody listens
PATIENCE_SECONDS = 90


async def obedient(port, headers, admitted, refused):
    """Come back at once, and after a refusal when told to; times of admission are added to ``admitted``."""
    while True:
        try:
            answer, raw = await handshake(port, headers, patience_seconds=PATIENCE_SECONDS)
        except ConnectionError:
            await turns(RETRY_SECONDS)
            continue
        if answer.status == 101:
            admitted.append(time.monotonic())
            return raw
        await drop(raw.writer)
        refused.append(answer)
        await turns(float(answer.retry_after))


async def storm(relay_of, headers, broken=""):
    """Connect all, kill their relay, start another at the same port: when each was let in, and all refusals."""
    relay = relay_of(broken="handshake_zone")
    first = [await connected(relay.port, headers) for _ in range(CLIENTS)]
    relay.kill()
    for raw in first:
        assert not await raw.end()
        await drop(raw.writer)
    admitted, refused = [], []
    back = [asyncio.create_task(obedient(relay.port, headers, admitted, refused)) for _ in range(CLIENTS)]
    relay_of(port=relay.port, broken=broken)
    _, waiting = await asyncio.wait(back, timeout=PATIENCE_SECONDS)
    for task in waiting:
        task.cancel()
    for task in back:
        if task not in waiting:
            await drop(task.result().writer)
    return sorted(admitted), refused


def most_over_the_bound(admitted):
    """By how many the admissions of any stretch of time exceed rate x time + burst + 1."""
    pairs = itertools.combinations(enumerate(admitted), 2)
    bound = HANDSHAKES.burst + 1
    return max(last - first + 1 - (until - since) * PERMITS - bound for (first, since), (last, until) in pairs)


@pytest.mark.soak
async def test_f45_all_clients_that_come_back_at_once_are_let_in_at_the_handshake_rate(
    relay_of, platform_of, client_of, told
):
    port, _ = platform_of()
    headers = client_of((port, port), policies=(policy(HANDSHAKES),))

    admitted, refused = await storm(relay_of, headers)

    seconds, waits = admitted[-1] - admitted[0], sorted({answer.retry_after for answer in refused})
    over = most_over_the_bound(admitted)
    figures = f"{len(admitted)} in after {seconds:.1f} s, {len(refused)} refusals, told {waits}"
    told(f"F45: {figures}, bound {over:+.1f}")
    assert len(admitted) == CLIENTS
    assert {answer.status for answer in refused} == {429}
    assert all(int(answer.retry_after) >= 1 for answer in refused)
    assert over <= READ_LATE_SECONDS * PERMITS
    assert seconds <= CLIENTS / PERMITS * 1.2


@pytest.mark.conformance
async def test_f45_twin_without_a_zone_for_handshakes_all_are_let_in_at_once(relay_of, platform_of, client_of):
    port, _ = platform_of()
    headers = client_of((port, port), policies=(policy(HANDSHAKES),))

    admitted, _ = await storm(relay_of, headers, broken="handshake_zone")

    assert most_over_the_bound(admitted) > PERMITS
