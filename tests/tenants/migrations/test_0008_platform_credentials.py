import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrated(*targets):
    executor = MigrationExecutor(connection)
    executor.migrate([("tenants", target) for target in targets] or executor.loader.graph.leaf_nodes())
    return executor.loader.project_state([("tenants", target) for target in targets]).apps


@pytest.fixture
def accounts(transactional_db):
    """The rows before: a platform connection with a credential, and one without."""
    rows = migrated("0007_triggers_anew")
    tenant = rows.get_model("tenants", "Tenant").objects.create(name="Acme", slug="acme")
    for name, encrypted in (("With", "sealed"), ("Without", "")):
        rows.get_model("tenants", "PlatformConnection").objects.create(
            tenant=tenant, name=name, platform="genesys", region="mypurecloud.ie", encrypted_credential=encrypted
        )
    yield tenant
    migrated()


def test_c2_each_stored_credential_becomes_a_row_of_its_own(accounts):
    rows = migrated("0009_no_credential_in_connections")

    [credential] = rows.get_model("tenants", "PlatformCredential").objects.select_related("platform_connection")
    assert (credential.name, credential.encrypted_secret, credential.is_active) == ("Main", "sealed", True)
    assert (credential.platform_connection.name, credential.tenant_id) == ("With", accounts.pk)


def test_c2_the_way_back_keeps_the_first_credential_of_each_platform_connection(accounts):
    rows = migrated("0009_no_credential_in_connections")
    credentials = rows.get_model("tenants", "PlatformCredential").objects
    main = credentials.get()
    credentials.create(
        tenant_id=accounts.pk, platform_connection=main.platform_connection, name="Later", encrypted_secret="later"
    )

    rows = migrated("0007_triggers_anew")

    stored = rows.get_model("tenants", "PlatformConnection").objects.order_by("name")
    assert [one.encrypted_credential for one in stored] == ["sealed", ""]
