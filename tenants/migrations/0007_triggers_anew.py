"""The triggers of 0002 that 0004 dropped: on SQLite, altering a table makes it anew, without its triggers.

Published limits could be changed there since. A migration that alters one of these tables must end with this one's
``create_missing_triggers``.
"""

from importlib import import_module

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

rules = import_module("tenants.migrations.0002_database_rules")
shares = import_module("tenants.migrations.0003_fair_shares")


def create_missing_triggers(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create what SQLite lost; PostgreSQL loses none."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {name for (name,) in cursor.fetchall()}
    for trigger, table, event, condition, message in rules.RULES:
        changed = shares.VERSION_CHANGED if trigger == "version_fixed" else condition
        if f"tenants_{trigger}" not in there:
            for statement in rules.sqlite(trigger, table, event, changed, message):
                schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Backwards nothing is to be done: 0003 drops all."""

    dependencies = [("tenants", "0006_bound_credentials")]
    operations = [migrations.RunPython(create_missing_triggers, migrations.RunPython.noop)]
