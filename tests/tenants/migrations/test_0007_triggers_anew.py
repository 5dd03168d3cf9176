import sqlite3
import subprocess
import sys
from importlib import import_module

import pytest

from tests.architecture.sources import ROOT

RULES = (
    *import_module("tenants.migrations.0002_database_rules").RULES,
    *import_module("tenants.migrations.0008_platform_credentials").RULES,
)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A demo's database, made by all migrations."""
    path = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    environment = {"FLOODGATE_DEMO": "1", "DATABASE_URL": f"sqlite:///{path}"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    return path


def test_every_rule_of_the_database_is_there_on_sqlite_after_all_migrations(migrated):
    with sqlite3.connect(migrated) as database:
        there = database.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'").fetchall()

    assert set(there) == {(table, f"tenants_{trigger}") for trigger, table, *_ in RULES}
