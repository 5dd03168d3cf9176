"""A process that sends an exact number of small messages on several connections, at a steady pace, and then closes.

Run as `python -m tests.faults.counts.sender '{"port": 8001, ...}'` with the fields of ``Sending``; prints a ``Sent``.
"""

import random
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
from websockets.frames import Close, Frame, Opcode

from tests.relay.opening import upgrade_request

FRAMES_A_WRITE = 100
SHORTEST_BYTES, LONGEST_BYTES = 8, 40
ANSWER_SECONDS = 60.0
HEADER_BYTES = 2 + 4  # of a masked frame of at most 125 bytes (RFC 6455, section 5.2)
CLOSE = Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)


class Sending(msgspec.Struct, frozen=True):
    """What to send: so many messages on all connections together, and at most so many of them a second.

    Attributes:
        connections: authorization and channel of each.
    """

    port: int
    connections: list[tuple[str, str]]
    messages: int
    messages_per_second: float


class Sent(msgspec.Struct):
    """What became of it: messages that the kernel took, connections that broke, and how long it took."""

    messages: int = 0
    broken: int = 0
    seconds: float = 0.0


def send(order: Sending) -> Sent:
    """Send as ordered; each connection has a thread of its own."""
    sent, began, numbers = Sent(), time.monotonic(), range(len(order.connections))
    with ThreadPoolExecutor(len(numbers)) as threads:
        for done in [threads.submit(_one, order, number, sent) for number in numbers]:
            done.result()
    sent.seconds = time.monotonic() - began
    return sent


def _one(order: Sending, number: int, sent: Sent) -> None:
    authorization, channel = order.connections[number]
    share, left_over = divmod(order.messages, len(order.connections))
    with socket.create_connection(("127.0.0.1", order.port), timeout=ANSWER_SECONDS) as plug:
        plug.sendall(upgrade_request(f"/v2/websocket/{channel}", f"Authorization: {authorization}\r\n"))
        answer = plug.recv(4096)
        if not answer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(answer.decode("latin-1"))
        try:
            _send_paced(plug, share + (number < left_over), order.messages_per_second / len(order.connections), sent)
            plug.sendall(CLOSE)
            while plug.recv(4096):
                continue
        except ConnectionError:
            sent.broken += 1


def _send_paced(plug: socket.socket, messages: int, messages_per_second: float, sent: Sent) -> None:
    frames = [_frame() for _ in range(FRAMES_A_WRITE)]
    chunk, timer = b"".join(frames), threading.Event()
    began, done = time.monotonic(), 0
    while done < messages:
        count = min(FRAMES_A_WRITE, messages - done)
        plug.sendall(chunk if count == FRAMES_A_WRITE else b"".join(frames[:count]))
        done += count
        sent.messages += count
        ahead_seconds = began + done / messages_per_second - time.monotonic()
        if ahead_seconds > 0:
            timer.wait(ahead_seconds)


def _frame() -> bytes:
    payload = random.randbytes(random.randint(SHORTEST_BYTES, LONGEST_BYTES))
    return Frame(Opcode.BINARY, payload).serialize(mask=True)


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(send(msgspec.json.decode(sys.argv[1], type=Sending))).decode())
