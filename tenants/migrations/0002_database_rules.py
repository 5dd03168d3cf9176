"""Rules that no check constraint can hold, as triggers on PostgreSQL and SQLite.

A published version and its zones never change; nothing leads from one tenant's rows to another's.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

PUBLISHED_IS_IMMUTABLE = "a published version never changes"
OF_ANOTHER_TENANT = "this belongs to another tenant"

VERSION_CHANGED = (
    "OLD.state <> 'draft' AND (NEW.policy_id <> OLD.policy_id OR NEW.number <> OLD.number OR NEW.note <> OLD.note"
    " OR NEW.published_at <> OLD.published_at OR NEW.state = 'draft' OR (OLD.state = 'retired' AND NEW.state <> 'retired'))"
)


def zone_is_fixed(row: str) -> str:
    """SQL that is true where the zone's version was published."""
    return f"(SELECT state FROM tenants_policyversion WHERE id = {row}.version_id) <> 'draft'"


def leads_elsewhere(column: str, target: str, tenant: str) -> str:
    """SQL that is true where the row in ``target`` belongs to another tenant."""
    return f"NEW.{column} IS NOT NULL AND (SELECT tenant_id FROM {target} WHERE id = NEW.{column}) <> {tenant}"


CLIENTS_TENANT = "(SELECT tenant_id FROM tenants_oauthclient WHERE id = NEW.oauthclient_id)"
TENANTED = ("oauthclient", "channel", "platformconnection", "throttlepolicy", "member")
# (trigger, table, event, condition, message)
RULES = (
    ("version_fixed", "tenants_policyversion", "UPDATE", VERSION_CHANGED, PUBLISHED_IS_IMMUTABLE),
    ("version_kept", "tenants_policyversion", "DELETE", "OLD.state <> 'draft'", PUBLISHED_IS_IMMUTABLE),
    ("zone_not_added", "tenants_throttlezone", "INSERT", zone_is_fixed("NEW"), PUBLISHED_IS_IMMUTABLE),
    ("zone_fixed", "tenants_throttlezone", "UPDATE", zone_is_fixed("OLD"), PUBLISHED_IS_IMMUTABLE),
    ("zone_not_moved", "tenants_throttlezone", "UPDATE", zone_is_fixed("NEW"), PUBLISHED_IS_IMMUTABLE),
    ("zone_kept", "tenants_throttlezone", "DELETE", zone_is_fixed("OLD"), PUBLISHED_IS_IMMUTABLE),
    *(
        (f"{table}_{column}_{event.lower()}", f"tenants_{table}", event, leads_elsewhere(column, target, tenant), OF_ANOTHER_TENANT)
        for table, column, target, tenant in (
            ("tenant", "throttle_policy_id", "tenants_throttlepolicy", "NEW.id"),
            ("oauthclient", "throttle_policy_id", "tenants_throttlepolicy", "NEW.tenant_id"),
            ("platformconnection", "throttle_policy_id", "tenants_throttlepolicy", "NEW.tenant_id"),
            ("channel", "throttle_policy_id", "tenants_throttlepolicy", "NEW.tenant_id"),
            ("channel", "platform_connection_id", "tenants_platformconnection", "NEW.tenant_id"),
            ("oauthclient_channels", "channel_id", "tenants_channel", CLIENTS_TENANT),
        )
        for event in ("INSERT", "UPDATE")
    ),
    *(
        (f"{table}_stays", f"tenants_{table}", "UPDATE", "NEW.tenant_id <> OLD.tenant_id", OF_ANOTHER_TENANT)
        for table in TENANTED
    ),
)


def create_triggers(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create each rule in the database's own words."""
    statements = {"postgresql": postgresql, "sqlite": sqlite}[schema_editor.connection.vendor]
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


def postgresql(trigger: str, table: str, event: str, condition: str, message: str) -> list[str]:
    """A function that refuses, and the trigger that calls it."""
    row = "OLD" if event == "DELETE" else "NEW"
    return [
        f"CREATE FUNCTION tenants_{trigger}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN"
        f" RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$",
        f"CREATE TRIGGER tenants_{trigger} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION tenants_{trigger}()",
    ]


def sqlite(trigger: str, table: str, event: str, condition: str, message: str) -> list[str]:
    """A trigger that refuses."""
    return [
        f"CREATE TRIGGER tenants_{trigger} BEFORE {event} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
    ]


class Migration(migrations.Migration):
    """Create the triggers. A later migration that alters one of these tables on SQLite must create them anew."""

    dependencies = [("tenants", "0001_initial")]
    operations = [migrations.RunPython(create_triggers, drop_triggers)]
