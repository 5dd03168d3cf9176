import tracemalloc

import pytest
from django.core.exceptions import ValidationError

from controlplane.generate_keys import new_credential_key
from relay.platforms.addresses import AddressRules
from tenants.actions import platform_connections as actions
from tenants.encryption import CredentialSecret
from tenants.models.platform_connections import PlatformConnection
from tenants.models.platform_credentials import CredentialState
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory, secret_of

pytestmark = pytest.mark.django_db

CREDENTIAL = CredentialSecret(client_id="id", client_secret="canary")


def create(tenant, acting_user, **values):
    named = {"name": "Genesys", "platform": "genesys", "region": "mypurecloud.ie", **values}
    return actions.create_platform_connection(tenant, acting_user=acting_user, **named)


def test_a_credential_goes_in_encrypted(acme, alice):
    connection = create(acme, alice, credential=CREDENTIAL)

    assert "canary" not in connection.credentials.get().encrypted_secret
    assert secret_of(connection) == CREDENTIAL


def test_the_log_says_whose_credential_was_set_and_never_the_secret(acme, alice, audit_entries):
    actions.set_credential(create(acme, alice), CREDENTIAL, acting_user=alice)

    assert audit_entries("credential_created")[0].changes == {"secret": ["", "client id id"]}
    assert "canary" not in str([(entry.changes, entry.serialized_data) for entry in audit_entries()])


def test_relays_are_told_of_a_new_credential(acme, alice, announced):
    connection = create(acme, alice)

    assert announced(actions.set_credential, connection, CREDENTIAL, acting_user=alice) == [str(acme.pk)]


@pytest.mark.parametrize(
    "change",
    [
        {"region": "mypurecloud.de"},
        {"token_url": "https://evil.example/oauth/token"},
        {"socket_url": "wss://evil.example/{channel}"},
        {"platform": "cxone", "region": "", "platform_tenant": "t1"},
    ],
)
def test_b4_a_changed_host_needs_the_credential_anew_and_the_log_says_so(change, acme, alice, audit_entries):
    connection = create(acme, alice, credential=CREDENTIAL)

    connection = actions.change_platform_connection(connection, change, acting_user=alice)

    assert connection.credential_state is CredentialState.BOUND_ELSEWHERE
    logged = audit_entries("platform_connection_changed")[0].changes["credential"]
    assert logged == ["Stored, encrypted", "Enter anew: the address changed"]


def test_b4_another_path_of_the_same_host_keeps_the_credential(acme, alice):
    connection = create(acme, alice, credential=CREDENTIAL)
    change = {"token_url": "https://LOGIN.mypurecloud.ie:443/other"}

    connection = actions.change_platform_connection(connection, change, acting_user=alice)

    assert connection.credential_state is CredentialState.STORED


def test_b4_the_credential_can_be_entered_in_the_same_step(acme, alice):
    connection = create(acme, alice, credential=CREDENTIAL)
    change = {"region": "mypurecloud.de"}

    connection = actions.change_platform_connection(connection, change, acting_user=alice, credential=CREDENTIAL)

    assert connection.credential_state is CredentialState.STORED


def test_b4_a_row_that_was_edited_by_hand_needs_the_credential_anew(acme, alice):
    connection = create(acme, alice, credential=CREDENTIAL)
    PlatformConnection.objects.update(token_url="https://evil.example/oauth/token")

    connection.refresh_from_db()

    assert connection.credential_state is CredentialState.BOUND_ELSEWHERE


def test_without_a_key_that_opens_it_a_credential_counts_as_unreadable(acme, alice, settings):
    connection = create(acme, alice, credential=CREDENTIAL)
    settings.CREDENTIAL_KEYS = (new_credential_key(),)

    assert connection.credential_state is CredentialState.UNREADABLE


def test_a_credential_longer_than_any_platforms_is_refused(acme, alice):
    with pytest.raises(ValidationError, match="longer than 1,000 characters"):
        create(acme, alice, credential=CredentialSecret(client_id="id", client_secret="x" * 1001))


def test_switching_it_off_is_told_and_logged(acme, alice, announced, audit_entries):
    connection = create(acme, alice)

    assert announced(actions.change_platform_connection, connection, {"is_active": False}, acting_user=alice)

    assert audit_entries("platform_connection_changed")[0].changes == {"is_active": ["True", "False"]}


def test_one_that_channels_use_stays(acme, alice):
    channel = ChannelFactory.create(tenant=acme)

    with pytest.raises(ValidationError, match="Channels lead through"):
        actions.delete_platform_connection(channel.platform_connection, acting_user=alice)


def test_one_that_nothing_uses_can_be_deleted(acme, alice, announced):
    connection = PlatformConnectionFactory.create(tenant=acme)

    assert announced(actions.delete_platform_connection, connection, acting_user=alice) == [str(acme.pk)]
    assert not acme.platform_connections.exists()


@pytest.mark.parametrize(
    ("values", "token_url", "socket_url"),
    [
        (
            {"region": "mypurecloud.jp"},
            "https://login.mypurecloud.jp/oauth/token",
            "wss://webapis.mypurecloud.jp/v2/websocket/{channel}",
        ),
        (
            {"platform": "cxone", "region": "", "platform_tenant": "t1"},
            "https://cxone.niceincontact.com/.well-known/openid-configuration",
            "wss://api.nice-incontact.com/realtime/{tenant}/{channel}",
        ),
        (
            {"region": "", "token_url": "http://localhost:8100/oauth/token", "socket_url": "ws://localhost/{channel}"},
            "http://localhost:8100/oauth/token",
            "ws://localhost/{channel}",
        ),
    ],
)
def test_it_leads_to_the_platforms_own_addresses_or_to_its_own(values, token_url, socket_url, acme, alice):
    connection = create(acme, alice, **values)

    assert (connection.effective_token_url, connection.effective_socket_url) == (token_url, socket_url)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("platform", "zendesk"),
        ("region", "nowhere.example"),
        ("token_url", "ftp://host/token"),
        ("token_url", "javascript:alert(1)"),
        ("socket_url", "https://host/{channel}"),
        ("socket_url", "wss://host/fixed"),
        ("socket_url", "wss://host/{channel}/{secret}"),
        ("socket_url", "wss://host/{channel.__class__}"),
        ("socket_url", "wss://host/{{channel}}"),
        ("socket_url", "wss://{channel}/"),
        ("socket_url", "wss://{tenant}.example/{channel}"),
        ("socket_url", "wss://host/{channel}" + "x" * 481),
        ("token_url", "https://host/" + "x" * 488),
        ("socket_url", "wss://host/{channel"),
        ("socket_url", "wss://host:99999/{channel}"),
        ("socket_url", "wss://a..b/{channel}"),
        ("socket_url", "wss://[host/{channel}"),
        ("socket_url", "wss:///{channel}"),
        ("socket_url", "wss://user:password@host/{channel}"),
        ("token_url", "https://a..b/token"),
        ("token_url", "http://platform.example/token"),
        ("token_url", "https://platform.example:8443/token"),
        ("token_url", "https://169.254.169.254/latest/meta-data"),
        ("socket_url", "ws://platform.example/{channel}"),
        ("socket_url", "wss://[::ffff:10.0.0.1]/{channel}"),
        ("socket_url", "wss://0x7f.1/{channel}"),
        ("socket_url", "wss://platform.example/{channel}#"),
        ("ca_certificate", "garbage"),
        ("ca_certificate", "é"),
        ("name", ""),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(field, value, acme, alice):
    with pytest.raises(ValidationError) as refusal:
        create(acme, alice, **{field: value})

    assert field in refusal.value.message_dict


def test_b10_an_address_allocates_no_more_than_its_own_length(acme, alice):
    tracemalloc.start()
    with pytest.raises(ValidationError, match=r"Only \{region\}, \{tenant\} and \{channel\}"):
        create(acme, alice, socket_url="wss://host/{channel}{tenant:>50000000}")

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_b10_a_certificate_has_a_length_limit(acme, alice):
    with pytest.raises(ValidationError, match="longer than 65,536 characters"):
        create(acme, alice, ca_certificate="x" * 65_537)


def test_s12_a_refused_address_tells_why_and_who_can_allow_it(acme, alice):
    with pytest.raises(ValidationError) as refusal:
        create(acme, alice, socket_url="wss://10.0.0.1/{channel}")

    [sentence] = refusal.value.message_dict["socket_url"]
    assert sentence == (
        "10.0.0.1 is refused: private (10.0.0.0/8)."
        " Only an operator can allow it, by naming 10.0.0.1 in FLOODGATE_PRIVATE_PLATFORM_HOSTS."
    )


def test_s12_what_the_operator_allows_can_be_entered(acme, alice, settings):
    settings.PLATFORM_ADDRESSES = AddressRules(ports=(443, 8443), private_hosts={"10.0.0.1"})

    create(acme, alice, token_url="https://platform.example:8443/token", socket_url="ws://10.0.0.1:80/{channel}")


def test_genesys_needs_a_region_or_both_addresses(acme, alice):
    with pytest.raises(ValidationError, match="Choose a region, or enter both addresses"):
        create(acme, alice, region="", token_url="https://host/oauth/token")
