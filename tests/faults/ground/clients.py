"""Clients for single purposes: one that never reads, many that come back at once; and what a simulator is told."""

import asyncio
import json
import sys
import urllib.request
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from typing import NamedTuple, cast

import msgspec

from tests.architecture.sources import ROOT
from tests.faults.ground.flooder import Flood, Outcome
from tests.relay.integration import RawConnection, drop, raw_connection
from tests.relay.opening import upgrade_request

SMALL_BUFFER_BYTES = 64 * 1024  # else kernels hide megabytes of what is not read
PATH = "/v2/websocket/orders"
SWITCHING_PROTOCOLS = 101


class Answer(NamedTuple):
    """What a handshake was answered, after how long; without a status nothing came but the end, or nothing at all."""

    status: int
    retry_after: str
    seconds: float


async def handshake(
    port: int, headers: Mapping[str, str], *, patience_seconds: float = 20.0, path: str = PATH
) -> tuple[Answer, RawConnection]:
    """Ask for a WebSocket; the connection is the caller's to drop."""
    loop = asyncio.get_running_loop()
    raw, began = await raw_connection(port, SMALL_BUFFER_BYTES), loop.time()
    raw.writer.write(upgrade_request(path, "".join(f"{name}: {value}\r\n" for name, value in headers.items())))
    try:
        async with asyncio.timeout(patience_seconds):
            raw.head = await raw.reader.readuntil(b"\r\n\r\n")
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, "", loop.time() - began), raw
    lines = raw.head.decode("latin-1").split("\r\n")
    retry_after = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("retry-after:"))
    return Answer(int(lines[0].split(" ")[1]), next(retry_after, ""), loop.time() - began), raw


async def answer_to(port: int, headers: Mapping[str, str], patience_seconds: float = 20.0) -> Answer:
    """What a handshake is answered; its connection is dropped."""
    answer, raw = await handshake(port, headers, patience_seconds=patience_seconds)
    await drop(raw.writer)
    return answer


async def connected(port: int, headers: Mapping[str, str], *, reads: bool = True, path: str = PATH) -> RawConnection:
    """An open WebSocket; one that does not read leaves all in its kernel from now on."""
    answer, raw = await handshake(port, headers, path=path)
    assert answer.status == SWITCHING_PROTOCOLS, answer
    if not reads:
        cast(asyncio.Transport, raw.writer.transport).pause_reading()
    return raw


async def flooding(order: Flood) -> Outcome:
    """Flood from a process of its own."""
    command = (sys.executable, "-m", "tests.faults.ground.flooder", msgspec.json.encode(order).decode())
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
    told, _ = await process.communicate()
    assert process.returncode == 0
    return msgspec.json.decode(told, type=Outcome)


def push(control_port: int, rate: float, size: int = 0, channel: str = "orders") -> None:
    """Have a simulator send so many messages a second, of so many bytes, on each of a channel's connections."""
    body = json.dumps({"channel": channel, "rate": rate, "size": size}).encode()
    urllib.request.urlopen(f"http://127.0.0.1:{control_port}/control/push", data=body, timeout=10).close()
