"""The stock relay (tests/bench/stock_relay) on the two servers that Django teams run Channels on."""

import sys

from tests.bench.contestants.contestant import Contestant
from tests.bench.ground.ground import Ground
from tests.bench.ground.program import Program, free_port

_APPLICATION = "tests.bench.stock_relay.asgi:application"


def stock_on_daphne(ground: Ground) -> Contestant:
    """Daphne, without its access log."""
    port = free_port()
    command = ("-m", "daphne", "--verbosity", "0", "--bind", "127.0.0.1", "--port", str(port), _APPLICATION)
    return _stock("daphne", port, command, ground)


def stock_on_uvicorn(ground: Ground) -> Contestant:
    """Uvicorn, without its access log, with the loop and the WebSocket protocol that it chooses itself."""
    port = free_port()
    command = ("-m", "uvicorn", "--no-access-log", "--host", "127.0.0.1", "--port", str(port), _APPLICATION)
    return _stock("uvicorn", port, command, ground)


def _stock(name: str, port: int, command: tuple[str, ...], ground: Ground) -> Contestant:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.bench.stock_relay.settings",
        "PLAIN_PLATFORM_URL": f"ws://127.0.0.1:{ground.plain_port}",
        "TLS_PLATFORM_URL": f"wss://127.0.0.1:{ground.tls_port}",
        "SSL_CERT_FILE": str(ground.certificates.authority),
    }
    return Contestant(name, port, Program(name, (sys.executable, *command), port, ground.folder, environment))
