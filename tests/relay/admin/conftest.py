import pytest

from relay.models.episodes import ThrottleEpisode
from relay.models.position import StreamPosition
from relay.models.processes import Gap, RelayProcess
from relay.models.rollups import HandshakeRollup, TrafficRollup
from relay.telemetry.sums import Sums
from tests.relay.counted import BILLING, EPISODE, NOON, TENANT_ID, record
from tests.tenants.factories import ChannelFactory, ClientFactory, TenantFactory


@pytest.fixture
def pages(client, root, redis):
    """A browser in which root is logged in."""
    client.force_login(root)
    return client


@pytest.fixture
def acme(db):
    """Alice's and Bob's tenant, with the id that records have."""
    return TenantFactory.create(id=TENANT_ID, name="Acme", slug="acme")


@pytest.fixture
def rows(acme):
    """One row of each kind, of a client and a channel that exist."""
    ClientFactory.create(tenant=acme, client_id="crm-sync", name="CRM sync")
    ChannelFactory.create(id=BILLING, tenant=acme, name="billing")
    sums = Sums()
    sums.add(record(1, 1234, accepted=3))
    sums.store()
    process = RelayProcess.objects.create(worker="7-ab", last_sequence=3, last_ended_at=NOON, heard_at=NOON)
    return {
        "trafficrollup": TrafficRollup.objects.get(granularity="hour"),
        "throttleepisode": ThrottleEpisode.objects.create(**EPISODE),
        "handshakerollup": HandshakeRollup.objects.get(granularity="hour"),
        "relayprocess": process,
        "gap": Gap.objects.create(process=process, reason="no_last_record", after_sequence=3, started_at=NOON),
        "streamposition": StreamPosition.objects.create(position="1000-0", rolled_up_at=NOON, last_ended_at=NOON),
    }
