"""Running demos, on ports that nobody uses: one to look at, and the three lives of another, looked at afterwards."""

import signal

import pytest

from tests.controlplane.demonstration.started import Life, StartedDemo, free_ports
from tests.controlplane.demonstration.visitor import Visitor


@pytest.fixture(scope="session")
def busy_demo(tmp_path_factory):
    """A demo with its traffic, shared by all tests that only look."""
    with StartedDemo(tmp_path_factory.mktemp("busy") / "demo", free_ports()) as demo:
        yield demo


@pytest.fixture(scope="session")
def lives(tmp_path_factory):
    """Three lives of one demo: quiet and ended by Ctrl-C, with traffic and ended by SIGTERM, quiet and killed."""
    directory, ports = tmp_path_factory.mktemp("lives") / "demo", free_ports()
    lives = []
    for number, traffic in ((signal.SIGINT, "0"), (signal.SIGTERM, "1"), (signal.SIGKILL, "0")):
        with StartedDemo(directory, ports, traffic=traffic) as demo:
            said = demo.credentials, demo.stats(), demo.programs()
            lives.append(Life(*said, demo.end(number), demo.processes()))
    return lives


@pytest.fixture
def directory(tmp_path):
    """Where a demo of the test's own keeps what it makes."""
    return tmp_path / "demo"


@pytest.fixture
def visitor(busy_demo, tmp_path):
    """Somebody with the log-in of the demo's first client and the pages' samples."""
    return Visitor(busy_demo, tmp_path)
