"""What a demo runs in: ports and folder, the addresses and files that follow, the variables that its processes read.

Imported before Django's settings, which read those variables.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.environment import parse_switch
from controlplane.generate_keys import new_credential_key, new_secret_key, new_signing_key

PROJECT_DIRECTORY = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"  # the demo's log-ins are no secret: nobody else may reach it
WEB_PORT, RELAY_PORT, OPERATIONS_PORT, SIMULATOR_PORT = 8000, 8001, 8011, 8100
LARGEST_PORT = 65_535
MOST_DIGITS = 18  # Python refuses to read thousands of digits
MOST_WORKERS = 64  # more than any one machine has a use for
CANNOT_START = 2
OWN_STORE_PORT = "FLOODGATE_DEMO_STORE_PORT"  # set where the demo starts a Valkey of its own
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"  # with it a second start takes 9 s instead of 4: Django is compiled anew
REPLACED = (NO_BYTECODE, "DATABASE_URL", "SECRET_KEY", "CELERY_BROKER_URL", "CHANNEL_LAYER_URL", "REDIS_URL")
OURS = "FLOODGATE_"
KEPT = ("FLOODGATE_LOG_LEVEL", "FLOODGATE_DEBUG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """One demo: where it listens and where it keeps what it makes."""

    directory: Path
    web_port: int = WEB_PORT
    relay_port: int = RELAY_PORT
    operations_port: int = OPERATIONS_PORT  # of the first relay process; each further one has the next
    simulator_port: int = SIMULATOR_PORT
    workers: int = 1  # relay processes

    @classmethod
    def from_options(cls, options: Mapping[str, object], workers: int = 1) -> "Demonstration":
        """Read what ``add_options`` declared; other options do not count."""
        names = ("web_port", "relay_port", "operations_port", "simulator_port")
        ports = {name: int(str(options[name])) for name in names}
        return cls(directory=Path(str(options["directory"])).resolve(), workers=workers, **ports)

    @property
    def web_url(self) -> str:
        """Portal, admin and token endpoint."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def relay_url(self) -> str:
        """Where integrations connect."""
        return f"ws://{HOST}:{self.relay_port}"

    @property
    def operations_ports(self) -> range:
        """A port of each relay process alone, for its health and metrics."""
        return range(self.operations_port, self.operations_port + self.workers)

    @property
    def operations_urls(self) -> list[str]:
        """Where each relay process answers operations."""
        return [f"http://{HOST}:{number}" for number in self.operations_ports]

    @property
    def simulator_url(self) -> str:
        """The stand-in for both platforms."""
        return f"http://{HOST}:{self.simulator_port}"

    @property
    def simulator_socket_url(self) -> str:
        """The same, for WebSockets."""
        return f"ws://{HOST}:{self.simulator_port}"

    @property
    def credentials_file(self) -> Path:
        """Addresses, log-ins and clients, for people and programs."""
        return self.directory / "credentials.json"

    @property
    def keys_file(self) -> Path:
        """The secrets that this demo's processes share."""
        return self.directory / "keys.json"

    @property
    def database_file(self) -> Path:
        """The SQLite database."""
        return self.directory / "floodgate.sqlite3"

    def log_file(self, program: str) -> Path:
        """Where one of its programs writes."""
        return self.directory / "logs" / f"{program}.log"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare ports and folder."""
    parser.add_argument("--web-port", type=port, default=WEB_PORT, help="portal, admin and tokens (%(default)s)")
    parser.add_argument("--relay-port", type=port, default=RELAY_PORT, help="the relay (%(default)s)")
    operations = "health and metrics of the first relay process; each further one has the next port (%(default)s)"
    parser.add_argument("--operations-port", type=port, default=OPERATIONS_PORT, help=operations)
    parser.add_argument("--simulator-port", type=port, default=SIMULATOR_PORT, help="both platforms (%(default)s)")
    parser.add_argument(
        "--directory",
        type=Path,
        default=PROJECT_DIRECTORY / ".demo",
        help="where database, keys, logs and credentials.json are kept (.demo)",
    )


def port(text: str) -> int:
    """A port that a program can be told to listen on.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or len(text) > MOST_DIGITS or not 1 <= int(text) <= LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: it must be a whole number from 1 to {LARGEST_PORT}.")
    return int(text)


def wants_traffic(variables: Mapping[str, str]) -> bool:
    """Whether integrations shall send; they do unless TRAFFIC says no.

    Raises:
        ValueError: TRAFFIC is neither on nor off.
    """
    word = variables.get("TRAFFIC", "")
    try:
        return parse_switch(word) if word else True
    except ValueError as refusal:
        raise ValueError(f"TRAFFIC is {word!r}, but must be 0 for a quiet demo, or 1.") from refusal


def wanted_workers(variables: Mapping[str, str]) -> int:
    """How many relay processes shall run; one unless DEMO_WORKERS says more.

    Raises:
        ValueError: DEMO_WORKERS is no such number.
    """
    word = variables.get("DEMO_WORKERS", "") or "1"
    if not (word.isascii() and word.isdecimal() and len(word) <= MOST_DIGITS and 1 <= int(word) <= MOST_WORKERS):
        raise ValueError(f"DEMO_WORKERS is {word!r}, but must be a whole number from 1 to {MOST_WORKERS}.")
    return int(word)


def enter_demonstration(arguments: Sequence[str]) -> None:
    """Prepare this process, and all that it starts, to be a demo with these arguments of the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # nothing runs yet: no traceback for a Ctrl-C
    parser = argparse.ArgumentParser(prog="manage.py demo", add_help=False)
    add_options(parser)
    options, _ = parser.parse_known_args(arguments)
    demonstration = Demonstration.from_options(vars(options))
    try:
        keys = kept_keys(demonstration.keys_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.stderr.write(f"{demonstration.keys_file} can't be used: {reason}. Mend that, or delete the folder.\n")
        sys.exit(CANNOT_START)
    sys.dont_write_bytecode = False
    replace_variables(os.environ, {**keys, **variables_of(demonstration, os.environ)})


def kept_keys(path: Path) -> dict[str, str]:
    """The keys of a former start, or new ones, which are kept; nobody else may read them.

    Raises:
        OSError: the folder can't be written.
        ValueError: the file holds no keys.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        keys = {
            "SECRET_KEY": new_secret_key(),
            "FLOODGATE_CREDENTIAL_KEYS": new_credential_key(),
            "FLOODGATE_SIGNING_KEY": new_signing_key(),
        }
        write_for_owner(path, json.dumps(keys, indent=2))
    keys = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(keys, dict):
        raise ValueError("it holds no keys")
    return {str(name): str(value) for name, value in keys.items()}


def write_for_owner(path: Path, text: str) -> None:
    """Put a file in place in one step, readable and writable for its owner alone (0600).

    Raises:
        OSError: the folder can't be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    draft.replace(path)


def variables_of(demonstration: Demonstration, variables: Mapping[str, str]) -> dict[str, str]:
    """What the settings shall read. A REDIS_URL of the environment is used; else the demo has a Valkey of its own."""
    chosen = {
        "FLOODGATE_DEMO": "1",
        "DATABASE_URL": f"sqlite:///{demonstration.database_file}",
        "FLOODGATE_WEB_URL": demonstration.web_url,
        "FLOODGATE_RELAY_URL": demonstration.relay_url,
        "FLOODGATE_DRAIN_SECONDS": "1",  # Ctrl-C ends it within seconds
        "FLOODGATE_TRUSTED_PROXIES": HOST,  # the relay hands token requests on to web
        "FLOODGATE_PRIVATE_PLATFORM_HOSTS": HOST,  # the simulator
    }
    if variables.get("REDIS_URL"):
        return {**chosen, "REDIS_URL": variables["REDIS_URL"]}
    port = free_port()
    return {**chosen, "REDIS_URL": f"redis://{HOST}:{port}/0", OWN_STORE_PORT: str(port)}


def own_store_port() -> int | None:
    """The port for the demo's own Valkey; none where the environment names a Redis."""
    port = os.environ.get(OWN_STORE_PORT)
    return int(port) if port else None


def replace_variables(variables: MutableMapping[str, str], chosen: Mapping[str, str]) -> None:
    """Take away all that would steer Floodgate otherwise, in both its forms, and set ``chosen``."""
    for name in list(variables):
        plain = name.removesuffix("_FILE")
        if plain in REPLACED or (name.startswith(OURS) and name not in KEPT):
            del variables[name]
    variables.update(chosen)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        number: int = probe.getsockname()[1]
    return number
