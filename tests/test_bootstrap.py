"""The first start on a fresh machine, in a folder of its own and without a network: nothing is to be installed."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT


@pytest.fixture
def fresh(tmp_path):
    """A clone without anything made."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/bootstrap.py", tmp_path / ".ci")
    (tmp_path / "requirements.txt").touch()
    return tmp_path


def starting(clone):
    """A start in the clone."""
    command = [sys.executable, ".ci/bootstrap.py", "requirements.txt"]
    return subprocess.Popen(command, cwd=clone, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def started(clone):
    """Status of a start, and what it said."""
    with starting(clone) as process:
        said, complaint = process.communicate(timeout=50)
    return process.returncode, said + complaint


def test_a_first_start_that_was_interrupted_is_made_up_for_by_the_next(fresh):
    assert started(fresh)[0] == 0
    [pip] = (fresh / ".venv/lib").glob("python*/site-packages/pip")
    shutil.rmtree(pip)
    (fresh / ".venv/requirements.txt.installed").unlink()

    status, said = started(fresh)

    assert (status, "Traceback" in said) == (0, False)
    assert pip.is_dir()
    assert started(fresh) == (0, "")  # nothing is left to do


def test_who_interrupts_it_sees_a_sentence(fresh):
    with starting(fresh) as process:
        assert "Making .venv" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=20)

    assert process.returncode == 2
    assert "Interrupted. The next start goes on from here." in complaint
    assert 'File "' not in complaint


def test_a_clone_that_can_not_be_written_is_told(fresh):
    (fresh / ".venv.lock").mkdir()

    status, said = started(fresh)

    assert status == 2
    assert ".venv.lock can't be used" in said
    assert "Traceback" not in said
