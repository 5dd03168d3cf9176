import asyncio

import pytest

from relay.telemetry.counters import Flow
from relay.throttle.policy import default_zones
from tests.conformance.bulk import NOISE, Bulk
from tests.conformance.case import TOO_BIG, Case
from tests.conformance.conversation import converse, expected_of
from tests.conformance.table.words import closed, echoed, ping, text
from tests.relay.eventually import eventually

pytestmark = pytest.mark.asyncio
MIB = 1024 * 1024
MOST_FRAGMENTS = 256
TINY, LARGER = b"*", b"*" * 126  # a fragment no longer than a control frame is judged as one


@pytest.fixture
def client(capped):
    """A client that no policy was written for."""
    return capped.client(*default_zones())


@pytest.fixture
def relayed(capped, client):
    """The way through the relay, for that client."""
    return capped.relayed(client)


@pytest.fixture
def counter(capped, client):
    """What the relay counts of it."""
    return capped.relay.worker.counters.flow(
        Flow(client.tenant_id, client.client_id, client.channels[0].id, "to_platform")
    )


@pytest.mark.parametrize("fragment_bytes", [0, 64 * 1024], ids=["whole", "in_fragments"])
async def test_a_message_of_1_mib_passes(relayed, fragment_bytes):
    row = echoed("", "the largest", Bulk(NOISE, MIB, fragment_bytes=fragment_bytes))

    assert (await converse(relayed, row)).essence() == expected_of(row)


@pytest.mark.parametrize("fragment_bytes", [0, 64 * 1024], ids=["whole", "in_fragments"])
async def test_a_message_of_one_byte_more_is_refused_with_1009(relayed, fragment_bytes):
    row = closed("", "too large", TOO_BIG, Bulk(NOISE, MIB + 1, fragment_bytes=fragment_bytes))

    assert (await converse(relayed, row)).essence() == expected_of(row)


async def test_a_message_of_the_most_fragments_passes(relayed):
    row = echoed("", "the most fragments", text(*[LARGER] * MOST_FRAGMENTS))

    assert (await converse(relayed, row)).essence() == expected_of(row)


async def test_a_message_of_one_fragment_more_is_refused_with_1009(relayed):
    row = closed("", "too many fragments", TOO_BIG, text(*[LARGER] * (MOST_FRAGMENTS + 1)))

    assert (await converse(relayed, row)).essence() == expected_of(row)


async def test_a_flood_of_pings_waits_and_loses_none(relayed, counter):
    payloads = tuple(b"%d" % number for number in range(25))
    row = Case("", "25 pings at once", tuple(map(ping, payloads)), pongs=payloads)

    flooding = asyncio.create_task(converse(relayed, row))

    await eventually(lambda: counter.waiting)
    assert (await flooding).essence() == expected_of(row)


async def test_a_flood_of_tiny_fragments_waits_and_loses_none(relayed, counter):
    row = echoed("", "25 tiny fragments at once", text(*[TINY] * 25))

    flooding = asyncio.create_task(converse(relayed, row))

    await eventually(lambda: counter.waiting)
    assert (await flooding).essence() == expected_of(row)


async def test_a_flood_of_messages_waits_and_loses_none(relayed, counter):
    row = echoed("", "50 messages at once", Bulk(NOISE, 100, count=50))

    assert (await converse(relayed, row)).essence() == expected_of(row)
    assert counter.waited
