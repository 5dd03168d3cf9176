import msgspec
import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tenants.encryption import CredentialBoundElsewhere, decrypt_credential
from tests.tenants.factories import CREDENTIAL

GENESYS = {"platform": "genesys", "region": "mypurecloud.ie"}
OWN = {"platform": "cxone", "token_url": "http://127.0.0.1:8100/openid", "socket_url": "ws://127.0.0.1:8100/{channel}"}


def migrated(*targets):
    executor = MigrationExecutor(connection)
    executor.migrate([("tenants", target) for target in targets] or executor.loader.graph.leaf_nodes())
    return executor.loader.project_state([("tenants", target) for target in targets]).apps


@pytest.fixture
def bound(transactional_db):
    """What became of the credential of a platform connection with these fields, from before hosts were kept."""

    def migrate(encrypted=None, **fields):
        rows = migrated("0005_revoked_tokens")
        tenant = rows.get_model("tenants", "Tenant").objects.create(name="Acme", slug="acme")
        former = Fernet(settings.CREDENTIAL_KEYS[0]).encrypt(msgspec.json.encode(CREDENTIAL)).decode()
        account = rows.get_model("tenants", "PlatformConnection").objects.create(
            tenant=tenant, name="Account", encrypted_credential=encrypted or former, **fields
        )
        rows = migrated("0006_bound_credentials")
        return rows.get_model("tenants", "PlatformConnection").objects.get(pk=account.pk).encrypted_credential

    yield migrate
    migrated()


@pytest.mark.parametrize(
    ("fields", "origins"),
    [
        (GENESYS, ("https://login.mypurecloud.ie", "wss://webapis.mypurecloud.ie")),
        ({"platform": "cxone"}, ("https://cxone.niceincontact.com", "wss://api.nice-incontact.com")),
        (OWN, ("http://127.0.0.1:8100", "ws://127.0.0.1:8100")),
    ],
    ids=["Genesys", "CXone", "own addresses"],
)
def test_a_credential_is_bound_to_where_it_leads_at_present(bound, fields, origins):
    encrypted = bound(**fields)

    assert decrypt_credential(encrypted, origins) == CREDENTIAL
    with pytest.raises(CredentialBoundElsewhere):
        decrypt_credential(encrypted, ("https://evil.example", "wss://evil.example"))


def test_what_no_key_opens_stays_as_it_is(bound):
    assert bound(encrypted="unreadable", **GENESYS) == "unreadable"
