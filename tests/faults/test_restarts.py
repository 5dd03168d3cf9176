import signal

import pytest

from tests.faults.ground.ledger import Verdict
from tests.faults.ground.sender import codes_of
from tests.relay.eventually import turns

pytestmark = [pytest.mark.asyncio, pytest.mark.soak, pytest.mark.timeout(300)]
CLIENTS, RESTARTS = 8, 10


async def test_f49_ten_rolling_restarts_under_load_lose_nothing_in_between(relay_of, crowd, told):
    relay = relay_of(processes=2, FLOODGATE_DRAIN_SECONDS="1")
    senders = crowd.join(relay.url, CLIENTS)

    for _ in range(RESTARTS):
        before = relay.children()
        relay.signal(signal.SIGHUP)
        while before & relay.children() or len(relay.children()) != 2:
            await turns(0.1)
    await crowd.leave()

    verdict = crowd.verdict()
    refusals = [refusal for sender in senders for refusal in sender.refusals]
    told(f"F49: sent {crowd.ledger.sent}, {verdict}, closes {dict(codes_of(senders))}, refusals {refusals}")
    assert verdict == Verdict()
    assert set(codes_of(senders)) == {1012}
    assert all(status == 503 and retry_after for status, retry_after in refusals)
