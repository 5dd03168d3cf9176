"""What works before anything is set up: the help of each command, and a simulation of files."""

import os
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT

NOTHING_SET = {"PATH": os.environ["PATH"]}
POLICY = '{"zones": [{"name": "messages", "permits": 5}]}'


def run(*arguments, **variables):
    """manage.py with these variables alone, in a folder that it could write to."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    environment = {**NOTHING_SET, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("help", "simulate"), ("relay", "--help"), ("web", "-h")])
def test_every_command_explains_itself_where_nothing_is_set_up(arguments):
    done = run(*arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert "help" in done.stdout


def test_files_are_simulated_where_nothing_is_set_up(tmp_path):
    policy, trace = tmp_path / "policy.json", tmp_path / "trace.jsonl"
    policy.write_text(POLICY)
    trace.write_text('{"at": 0.5}\n')

    done = run("simulate", str(policy), "--trace", str(trace))

    assert (done.returncode, done.stderr) == (0, "")
    assert "messages" in done.stdout


def test_a_stored_policy_needs_its_database_and_leaves_none_behind(tmp_path):
    before = set(ROOT.glob("*.sqlite3*"))

    done = run("simulate", "acme/web", "--trace", str(tmp_path / "none"))

    assert done.returncode == 2
    assert "no such file, and the database of DATABASE_URL does not answer" in done.stderr
    assert set(ROOT.glob("*.sqlite3*")) == before


def test_whatever_serves_still_says_what_is_missing():
    done = run("relay")

    assert done.returncode == 2
    assert "SECRET_KEY is not set" in done.stderr
