import sqlite3
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT

pytestmark = pytest.mark.slow

PERSON = """
import django; django.setup()
from tenants.models.members import User
User.objects.create_superuser("alice", "alice@example.com", "correct horse battery")
"""
LOG_IN = """
import django; django.setup()
from django.test import Client
browser = Client(raise_request_exception=False, SERVER_NAME="localhost")
entered = {"username": "alice", "password": "correct horse battery"}
for accepted in ("text/html", "application/json"):
    answer = browser.post("/admin/login/", entered, headers={"Accept": accepted})
    body = " ".join(answer.content.decode().split())
    told = f"{answer.status_code} {answer['Retry-After']} {answer['Content-Type']} {body}"
    print(told)  # in one piece: the log writes there too
"""


@pytest.fixture
def python(tmp_path, monkeypatch):
    """A process of Floodgate on a SQLite database of its own, as in the demo."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/floodgate.sqlite3?timeout=1")

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    run("manage.py", "migrate", "--verbosity", "0")
    return run


def test_f23_a_locked_database_is_503_with_a_time_to_come_back_and_no_stack_trace(python, tmp_path):
    python("-c", PERSON)
    with sqlite3.connect(tmp_path / "floodgate.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        answer = python("-c", LOG_IN)

    page, plain = (line for line in answer.splitlines() if line.startswith("503 5 "))
    assert page.startswith("503 5 text/html; charset=utf-8 <!DOCTYPE html>")
    assert "/static/controlplane/error.css" in page
    assert "A store that this page needs does not answer. Nothing was changed." in page
    assert plain.startswith("503 5 text/plain; charset=utf-8 A store that this page needs does not answer.")
    assert "Traceback" not in page + plain


def test_the_rules_of_the_database_hold_on_sqlite_too(python, tmp_path):
    with sqlite3.connect(tmp_path / "floodgate.sqlite3") as database:
        triggers = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}

    assert {"tenants_version_fixed", "tenants_zone_kept", "tenants_channel_stays"} <= triggers
