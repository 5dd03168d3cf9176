import os
import socket
import subprocess
import sys

import pytest

from relay.store import keys
from relay.store.pool import blocking
from tests.faults.ground.leftovers import keys_without_end, none_left, open_files, processes_with

pytestmark = pytest.mark.faults
SLEEPER = (sys.executable, "-c", "import sys; sys.stdin.read()")


@pytest.fixture
def sleeper():
    """A process that waits for its end."""
    with subprocess.Popen(SLEEPER, env={**os.environ, "SLEEPER": "1"}, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_is_found_by_what_its_environment_says(sleeper):
    assert any("sys.stdin.read" in command for command in processes_with("SLEEPER=1"))
    assert not processes_with("SLEEPER=2")


def test_a_child_that_nobody_waited_for_is_found(sleeper):
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert f"zombie {sleeper.pid}" in processes_with("SLEEPER=2")


def test_an_open_socket_and_an_open_file_are_found(tmp_path):
    before = open_files()

    with socket.socket(), (tmp_path / "kept").open("w"):
        assert open_files() - before == {"socket:": 1, str(tmp_path / "kept"): 1}
    assert not none_left(lambda: open_files() - before)


def test_a_key_without_an_end_is_found_unless_it_is_a_stream_or_a_clients_record(faults_redis_url):
    redis = blocking()
    redis.xadd(keys.telemetry(), {"record": "x"})
    redis.hset(keys.clients("acme"), "client", "x")
    redis.set("floodgate:short", "x", ex=60)
    redis.set("floodgate:long", "x")

    assert keys_without_end() == ["floodgate:long"]
    redis.delete("floodgate:long")
