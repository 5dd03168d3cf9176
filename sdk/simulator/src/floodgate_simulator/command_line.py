"""The command ``floodgate-simulator``: options in, a running simulator out, until it is told to stop."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args

import uvloop

from floodgate_simulator.application import Simulator
from floodgate_simulator.settings import MIB, LimitScope, OverLimit, Settings

CANNOT_START = 2
_DESCRIPTION = """\
Stands in for Genesys Cloud and NICE CXone: tokens, the guide's sockets, limits, faults to order, exact counts.

Built-in credentials
  genesys  client id demo-genesys, secret demo-genesys-secret
  cxone    client id demo-cxone, secret demo-cxone-secret, access key demo-access-key, demo-access-secret
"""
_EXAMPLES = """\
examples
  floodgate-simulator
  floodgate-simulator --port 0 --messages-per-second 100 --burst 20 --over-limit answer
  curl -X POST localhost:8100/control/faults -d '{"kind": "status", "target": "handshake", "status": 503}'
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT; exit with 2 and one line if it cannot start."""
    parser = option_parser()
    given = parser.parse_args(arguments)
    try:
        settings = Settings(**{field.name: getattr(given, field.name) for field in fields(Settings)})
    except ValueError as problem:
        parser.error(str(problem))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        problem_line = runner.run(_serve(settings))
    if problem_line is not None:
        sys.stderr.write(f"floodgate-simulator: {problem_line}\n")
        sys.exit(CANNOT_START)


def option_parser() -> argparse.ArgumentParser:
    """Reads the options; each fills the field of `Settings` that is named like it."""
    parser = argparse.ArgumentParser(
        prog="floodgate-simulator",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_listening(parser.add_argument_group("listening"))
    _add_limits(parser.add_argument_group("the platforms' limits"))
    return parser


async def _serve(settings: Settings) -> str | None:
    """Serve until a signal comes; answer why it could not start, if it could not."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    simulator = Simulator(settings)
    try:
        await simulator.start()
    except OSError as problem:
        await simulator.stop()
        ports = f"{settings.port}" if settings.raw_echo_port is None else f"{settings.port} or {settings.raw_echo_port}"
        return f"cannot listen on {settings.host}, port {ports}: {problem.strerror or problem}. Choose another --port."
    echo = f", raw echo on {simulator.raw_echo_url}" if simulator.raw_echo_port else ""
    sys.stdout.write(f"floodgate-simulator listens on {simulator.url}{echo}\n")
    sys.stdout.flush()
    await stopping.wait()
    await simulator.stop()
    return None


def _add_listening(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    group.add_argument("--port", type=int, default=8100, help="port for everything; 0: any free one (%(default)s)")
    group.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM certificate chain: listen with TLS")
    group.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM key that belongs to it")
    group.add_argument(
        "--raw-echo",
        type=int,
        dest="raw_echo_port",
        metavar="PORT",
        help="also echo frames on this port, without tokens or counts, to measure relays by",
    )
    group.add_argument("--seed", type=int, metavar="N", help="make token values repeatable")
    group.add_argument(
        "--receive-buffer-bytes",
        type=int,
        default=0,
        metavar="N",
        help="SO_RCVBUF of every connection, so that a slow reader is felt soon; 0: the kernel's default",
    )
    group.add_argument(
        "--no-compression",
        dest="compression",
        action="store_false",
        help="refuse permessage-deflate",
    )


def _add_limits(group: "argparse._ArgumentGroup") -> None:
    _add_number(group, "--connections-per-token", 10, "open sockets for each token; 429 above")
    group.add_argument(
        "--messages-per-second",
        type=float,
        default=0,
        metavar="N",
        help="messages a second; 0: no limit (%(default)s)",
    )
    _add_number(group, "--burst", 0, "messages ahead of that rate")
    group.add_argument(
        "--limit-by",
        choices=get_args(LimitScope),
        default="connection",
        help="whether each connection has that rate, or all of a credential together (%(default)s)",
    )
    group.add_argument(
        "--over-limit",
        choices=get_args(OverLimit),
        default="close",
        help="close with 1008, or answer in band (%(default)s)",
    )
    requests_help = "REST requests a minute for each Genesys token; 0: no limit"
    _add_number(group, "--api-requests-per-minute", 300, requests_help)
    _add_number(group, "--retry-after-seconds", 1, "what a 429 for a socket says")
    _add_number(group, "--max-message-bytes", 64 * MIB, "largest message; 1009 above")


def _add_number(group: "argparse._ArgumentGroup", name: str, default: int, explanation: str) -> None:
    group.add_argument(name, type=int, default=default, metavar="N", help=f"{explanation} (%(default)s)")
