import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.bench.ground.program import free_port
from tests.faults.ground.clients import answer_to, connected, handshake
from tests.faults.ground.ledger import Verdict
from tests.faults.ground.rollups import running_rollups
from tests.relay.eventually import eventually, turns
from tests.relay.integration import drop, raw_connection

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
FILES = 160  # 64 of them are in reserve, and a connection takes two
BEYOND = 120
SILENT = 200
DEADLINE_SECONDS, LINGER_SECONDS = 5, 2
FULL_SECONDS = 15  # for longer than records stay in Redis that were rolled up
LOG_LINES = 1500  # of 200 bytes and more


@pytest.fixture
def rollups_of(faults_redis_url, tmp_path):
    """Starts workers that roll up what relays count, with a defence taken out or none."""
    with ExitStack() as stack:
        yield lambda broken: stack.enter_context(running_rollups(tmp_path, {"REDIS_URL": faults_redis_url}, broken))


async def storm_of_handshakes(relay, headers, count, *, refused_leave=True):
    """So many handshakes one after the other, those that succeed are kept open: answers, and all open sockets."""
    answers, writers = [], []
    for _ in range(count):
        answer, raw = await handshake(relay.port, headers, patience_seconds=DEADLINE_SECONDS)
        answers.append(answer)
        if answer.status != 101 and refused_leave:
            await drop(raw.writer)
        else:
            writers.append(raw.writer)
    return answers, writers


@pytest.mark.soak
@pytest.mark.parametrize("refused_leave", [True, False], ids=["the refused leave", "the refused stay"])
async def test_f6_beyond_its_files_a_relay_refuses_with_a_time_to_come_back_and_serves_again_later(
    refused_leave, relay_of, platform_of, client_of, told
):
    port, _ = platform_of()
    relay, headers = relay_of(limits=f"-n {FILES}"), client_of((port, port))

    answers, writers = await storm_of_handshakes(relay, headers, BEYOND, refused_leave=refused_leave)
    refused = [answer for answer in answers if answer.status != 101]
    for writer in writers:
        await drop(writer)
    await turns(LINGER_SECONDS + 1)
    later = await answer_to(relay.port, headers)

    statuses = Counter(answer.status for answer in answers)
    told(f"F6: {dict(statuses)}, first refusal {refused[0]}, later {later.status}")
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.retry_after) >= 1 for answer in refused)
    assert later.status == 101


@pytest.mark.soak
async def test_f6_silent_sockets_that_use_up_all_files_are_gone_after_the_deadline(
    relay_of, platform_of, client_of, told
):
    port, _ = platform_of()
    relay, headers = relay_of(limits=f"-n {FILES}"), client_of((port, port))
    kept = await connected(relay.port, headers, path="/v2/websocket/echo")
    silent = [await raw_connection(relay.port) for _ in range(SILENT)]

    meanwhile = await answer_to(relay.port, headers, patience_seconds=1)
    kept.say(b"still here")
    echoed = await kept.frame()
    await turns(DEADLINE_SECONDS + LINGER_SECONDS + 1)
    later = await answer_to(relay.port, headers)

    told(f"F6, {SILENT} silent sockets: meanwhile {meanwhile}, later {later}")
    for raw in (*silent, kept):
        await drop(raw.writer)
    assert echoed[1] == b"still here"
    assert later.status == 101


async def status_of(raw):
    """What a silent socket is answered; 0 where it ends without an answer."""
    try:
        return await raw.read_status()
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0


@pytest.mark.soak
async def test_f6_400_silent_sockets_at_256_files_are_all_answered_and_a_neighbour_never_notices(
    relay_of, platform_of, client_of, told
):
    port, _ = platform_of()
    relay, headers = relay_of(limits="-n 256"), client_of((port, port))
    kept = await connected(relay.port, headers, path="/v2/websocket/echo")
    before_bytes = relay.memory_bytes()
    silent = [await raw_connection(relay.port) for _ in range(400)]

    newcomer = await answer_to(relay.port, headers, patience_seconds=DEADLINE_SECONDS)
    kept.say(b"still here")
    echoed = await kept.frame()
    statuses = Counter(await asyncio.gather(*(status_of(raw) for raw in silent)))
    grown_mib = (relay.memory_bytes() - before_bytes) / 2**20
    await turns(LINGER_SECONDS + 1)
    later = await answer_to(relay.port, headers)

    told(
        f"F6, 400 silent sockets at 256 files: {dict(statuses)}, newcomer {newcomer}, {grown_mib:.1f} MiB, then {later}"
    )
    for raw in (*silent, kept):
        await drop(raw.writer)
    assert echoed[1] == b"still here"
    assert set(statuses) <= {503, 408}
    assert newcomer.status == 503
    assert newcomer.retry_after
    assert grown_mib < 10
    assert later.status == 101


@pytest.mark.conformance
async def test_f6_twin_without_a_reserve_handshakes_are_not_answered_with_a_503(relay_of, platform_of, client_of, told):
    port, _ = platform_of()
    relay, headers = relay_of(limits=f"-n {FILES}", broken="reserve"), client_of((port, port))

    answers, writers = await storm_of_handshakes(relay, headers, BEYOND)
    for writer in writers:
        await drop(writer)

    told(f"F6 twin: {sorted({answer.status for answer in answers})}")
    assert {answer.status for answer in answers} - {101, 503}  # no answer, or one that tells no time to come back


async def handshakes_beside_a_flood_of_log_lines(relay_of, client_of, platform_of, broken=""):
    """A relay whose output nobody reads logs one line for each handshake: what those got, and what a good one gets."""
    port, _ = platform_of()
    relay = relay_of(is_logged=False, broken=broken)
    unreachable = client_of((port, free_port()))
    refused = [await answer_to(relay.port, unreachable, DEADLINE_SECONDS)]
    while len(refused) < LOG_LINES and refused[-1].status:
        refused.append(await answer_to(relay.port, unreachable, DEADLINE_SECONDS))
    return refused, await answer_to(relay.port, client_of((port, port)), DEADLINE_SECONDS)


@pytest.mark.soak
async def test_f54_a_log_that_nobody_reads_keeps_no_handshake_waiting(relay_of, client_of, platform_of, told):
    refused, good = await handshakes_beside_a_flood_of_log_lines(relay_of, client_of, platform_of)

    longest = max(answer.seconds for answer in refused)
    told(f"F54: {len(refused)} refused, the slowest in {longest:.3f} s, {good}")
    assert {answer.status for answer in refused} == {503}
    assert good.status == 101
    assert longest <= 1


@pytest.mark.conformance
async def test_f54_twin_that_logs_on_the_loop_stands_still(relay_of, client_of, platform_of, told):
    refused, good = await handshakes_beside_a_flood_of_log_lines(relay_of, client_of, platform_of, "log_thread")

    told(f"F54 twin: stands still after {len(refused)} lines")
    assert good.status == 0


async def counted_after_the_disk_was_full(relay_of, crowd, client_of, rollups):
    """Traffic while neither the relay's log nor the worker's database can grow: what is counted when there is space.

    Returns:
        Messages that were counted, and answers to handshakes that the relay wanted to log.
    """
    relay = relay_of(limits="-f 1")
    crowd.join(relay.url, 1)
    await eventually(lambda: rollups.roll_up() or rollups.messages())
    rollups.fill_disk()
    unreachable = client_of((crowd.platform, free_port()))
    refused = [await answer_to(relay.port, unreachable, DEADLINE_SECONDS) for _ in range(50)]
    before, sent_before = rollups.messages(), crowd.ledger.sent
    for _ in range(FULL_SECONDS * 4):
        rollups.roll_up()
        await turns(0.25)
    assert rollups.messages() == before, "the disk is not full"
    assert crowd.ledger.sent > sent_before + 50, "no traffic meanwhile"
    await crowd.leave()
    rollups.free_disk()
    await turns(2)  # the relay's last second
    rollups.roll_up()
    return rollups.messages(), refused


@pytest.mark.soak
async def test_f48_with_a_full_disk_traffic_goes_on_and_all_is_counted_when_there_is_space_again(
    relay_of, crowd, client_of, rollups_of, told
):
    counted, refused = await counted_after_the_disk_was_full(relay_of, crowd, client_of, rollups_of(""))

    sent, verdict = crowd.ledger.sent, crowd.verdict()
    told(f"F48: sent {sent}, {verdict}, counted {counted}, refused {len(refused)} beside a full log")
    assert verdict == Verdict()
    assert {answer.status for answer in refused} == {503}
    assert counted == sent


@pytest.mark.conformance
async def test_f48_twin_that_forgets_before_it_commits_has_counted_too_little(relay_of, crowd, client_of, rollups_of):
    counted, _ = await counted_after_the_disk_was_full(relay_of, crowd, client_of, rollups_of("commit_first"))

    assert counted < crowd.ledger.sent
