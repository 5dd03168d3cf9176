"""Credentials become rows of their own, and the one of each platform connection moves there.

The former column goes in 0009: PostgreSQL alters no table in the transaction that has just referred to its rows.
"""

import uuid
from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

rules = import_module("tenants.migrations.0002_database_rules")
TABLE = "tenants_platformcredential"
RULES = (
    *(
        (f"platformcredential_{column}_{event.lower()}", TABLE, event, rules.leads_elsewhere(column, target, "NEW.tenant_id"), rules.OF_ANOTHER_TENANT)
        for column, target in (
            ("throttle_policy_id", "tenants_throttlepolicy"),
            ("platform_connection_id", "tenants_platformconnection"),
        )
        for event in ("INSERT", "UPDATE")
    ),
    ("platformcredential_stays", TABLE, "UPDATE", "NEW.tenant_id <> OLD.tenant_id", rules.OF_ANOTHER_TENANT),
)


def create_triggers(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each rule in the database's own words."""
    statements = {"postgresql": rules.postgresql, "sqlite": rules.sqlite}[schema_editor.connection.vendor]
    for rule in RULES:
        for statement in statements(*rule):
            schema_editor.execute(statement)


def drop_triggers(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the rules away again."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for trigger, table, *_ in RULES:
        schema_editor.execute(f"DROP TRIGGER tenants_{trigger}" + (f" ON {table}" if is_postgresql else ""))
        if is_postgresql:
            schema_editor.execute(f"DROP FUNCTION tenants_{trigger}")


def move(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give each platform connection with a credential a row for it."""
    credentials = apps.get_model("tenants", "PlatformCredential").objects
    for connection in apps.get_model("tenants", "PlatformConnection").objects.exclude(encrypted_credential=""):
        credentials.create(
            tenant_id=connection.tenant_id,
            platform_connection=connection,
            name="Main",
            encrypted_secret=connection.encrypted_credential,
        )


def move_back(apps: StateApps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep the first credential of each platform connection; there is room for one."""
    for connection in apps.get_model("tenants", "PlatformConnection").objects.all():
        credential = connection.credentials.order_by("created_at").first()
        connection.encrypted_credential = credential.encrypted_secret if credential else ""
        connection.save(update_fields=["encrypted_credential"])


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0007_triggers_anew'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlatformCredential',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='What people call it, such as Floodgate 1.', max_length=100)),
                ('encrypted_secret', models.TextField(editable=False)),
                ('is_active', models.BooleanField(default=True, help_text='Without it, no connection logs in with this credential.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('platform_connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='tenants.platformconnection')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='platform_credentials', to='tenants.tenant')),
                ('throttle_policy', models.ForeignKey(blank=True, help_text='Limits that all traffic with this credential shares.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='limited_credentials', to='tenants.throttlepolicy')),
            ],
            options={
                'ordering': ['platform_connection__name', 'name'],
                'constraints': [models.UniqueConstraint(fields=('platform_connection', 'name'), name='credential_name_once'), models.CheckConstraint(condition=models.Q(('encrypted_secret', ''), _negated=True), name='credential_has_a_secret')],
            },
        ),
        migrations.RunPython(create_triggers, drop_triggers),
        migrations.RunPython(move, move_back),
    ]
