"""nginx with one worker: what relaying costs in C, and what our ratios are ratios to."""

from resource import RLIMIT_NOFILE, getrlimit

from tests.bench.contestants.contestant import Contestant, installed, written_config
from tests.bench.ground.ground import Ground
from tests.bench.ground.program import Program, free_port


def nginx(ground: Ground) -> Contestant:
    """Run nginx on a new port.

    Raises:
        NotInstalled: it is missing.
    """
    path, port = installed("nginx"), free_port()
    config = written_config("nginx.conf", ground, port=port, files=getrlimit(RLIMIT_NOFILE)[0])
    command = (path, "-p", str(ground.folder), "-c", str(config))
    return Contestant("nginx", port, Program("nginx", command, port, ground.folder))
