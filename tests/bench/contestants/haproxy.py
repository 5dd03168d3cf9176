"""HAProxy with one thread: the second opinion on what relaying costs in C."""

from tests.bench.contestants.contestant import Contestant, installed, written_config
from tests.bench.ground.ground import Ground
from tests.bench.ground.program import Program, free_port


def haproxy(ground: Ground) -> Contestant:
    """Run HAProxy on a new port.

    Raises:
        NotInstalled: it is missing.
    """
    path, port = installed("haproxy"), free_port()
    config = written_config("haproxy.cfg", ground, port=port)
    return Contestant("haproxy", port, Program("haproxy", (path, "-db", "-f", str(config)), port, ground.folder))
