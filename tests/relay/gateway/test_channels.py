import pytest

from relay.gateway.authentication import Handshake, Identity
from relay.gateway.channels import channel_for
from relay.protocol.denials import Denied
from tests.relay import records

PLATFORM = records.platform_connection("")
ADDRESS = "192.0.2.7"


def client(**changes):
    return records.client(PLATFORM, **changes)


def handshake(channel="echo", tenant_slug=""):
    return Handshake(channel, tenant_slug, ADDRESS, "", "", "", ())


def identity(record, *scopes):
    return Identity(record.tenant_id, record.client_id, "t1", 0.0, 1e12, frozenset(scopes))


def choice(record, channel="echo", tenant_slug="", scopes=()):
    """Status and code of a refused choice of channel."""
    with pytest.raises(Denied) as refused:
        channel_for(record, identity(record, *scopes), handshake(channel, tenant_slug))
    return refused.value.denial.status, refused.value.denial.code


def test_a_client_gets_the_channel_that_it_names():
    record = client(channels=(records.channel(PLATFORM), records.channel(PLATFORM, "chat", scope="chat:send")))
    known = identity(record, "chat:send")

    assert channel_for(record, known, handshake("echo", record.tenant_slug)) is record.channels[0]
    assert channel_for(record, known, handshake("chat")) is record.channels[1]


def test_b3_within_its_own_tenant_a_client_is_told_why_not():
    scoped = client(channels=(records.channel(PLATFORM, scope="chat:send"),))

    assert choice(scoped, scopes=("chat:read",)) == (403, "insufficient_scope")
    assert choice(client(channels=()), "orders") == (403, "channel_forbidden")
    assert choice(client(tenant_is_active=False)) == (403, "tenant_suspended")


def test_b3_another_tenants_channel_is_answered_like_one_that_does_not_exist():
    record = client(tenant_slug="acme")

    assert choice(record, "echo", "umbrella") == choice(record, "nowhere") == (404, "channel_not_found")
