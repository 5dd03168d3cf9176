import os
import socket
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT
from tests.relay.running import HOST, free_range

pytestmark = pytest.mark.slow


def refusal_of(port, *options):
    """What a relay says that can't have its ports for operations."""
    variables = {**os.environ, "FLOODGATE_OPERATIONS_PORT": str(port)}
    command = (sys.executable, "manage.py", "relay", "--port", "0", *options)
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def test_b60_a_port_for_operations_that_is_in_use_is_told_with_what_to_change():
    first = free_range(2)

    with socket.create_server((HOST, first + 1)):
        told = refusal_of(first, "--processes", "2")

    choice = "FLOODGATE_OPERATIONS_HOST and FLOODGATE_OPERATIONS_PORT"
    assert told == f"Can't listen on {HOST}:{first + 1}: Address already in use. Choose another with {choice}.\n"


def test_more_processes_than_there_are_ports_for_operations_are_refused():
    told = refusal_of(65_534, "--processes", "3")

    assert told == "FLOODGATE_OPERATIONS_PORT is 65534, but 3 processes would need ports to 65536.\n"
