"""Traffic that a real relay passes on, recorded: when each message was sent, and when the platform had it."""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from floodgate_simulator.application import Simulator

from relay.simulation.events import ConnectionName, Event
from relay.throttle.policy import SECOND_NS
from tests.relay.eventually import eventually, turns
from tests.relay.integration import Integration, RawConnection
from tests.relay.seen import received

CHANNEL = "orders"


class Planned(NamedTuple):
    """A message to send, so many milliseconds after the first."""

    at_ms: float
    client: str
    number: int = 1
    size_bytes: int = 20


@dataclass(frozen=True, slots=True)
class Recording:
    """The trace as it was sent, and for how long each message was on its way, in the order in which they arrived."""

    trace: list[Event]
    waits_ns: dict[Event, int]


async def record(clients: Mapping[str, Integration], simulator: Simulator, planned: Iterable[Planned]) -> Recording:
    """Send what is planned over connections that are open before, and wait until all of it has arrived."""
    planned = sorted(planned)
    places = sorted({(one.client, one.number) for one in planned})
    connections = {place: await _connected(clients[place[0]]) for place in places}
    began = time.time_ns()
    sent = [await _send(connections[one.client, one.number], one, at, began) for at, one in enumerate(planned)]
    await eventually(lambda: received(simulator)["messages"] == len(sent), 30)
    waits_ns = {}
    for message in simulator.simulation.ledger.received.after(0):
        event = sent[int(message.payload.partition(b"|")[0])]
        waits_ns[event] = round(message.received_at * SECOND_NS) - event.at_ns
    return Recording(sent, waits_ns)


async def _connected(client: Integration) -> RawConnection:
    connection = await client.connect_raw(f"/v2/websocket/{CHANNEL}")
    plug = connection.writer.get_extra_info("socket")
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the kernel keeps a message for up to 40 ms
    return connection


async def _send(connection: RawConnection, one: Planned, at: int, began_ns: int) -> Event:
    await turns(max(0.0, one.at_ms / 1000 - (time.time_ns() - began_ns) / SECOND_NS))
    sent_ns = time.time_ns()
    connection.say(f"{at}|".ljust(one.size_bytes).encode())
    return Event(sent_ns, ConnectionName(one.client, CHANNEL, str(one.number)), one.size_bytes)
