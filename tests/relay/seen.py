"""What can be seen of traffic: at the simulator, and in the relay's counters; and the frames that make it."""

from typing import Any, cast

from floodgate_simulator.application import Simulator
from websockets.frames import Frame, Opcode

from relay.splicing.session import Session
from relay.telemetry.counters import Flow, ThrottleCounter, TrafficCounter
from tests.relay.integration import Integration


def masked(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """A client's frame."""
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


def received(simulator: Simulator) -> dict[str, Any]:
    """What the simulator received in all."""
    return cast("dict[str, Any]", simulator.simulation.ledger.as_json()["overall"])


def traffic(integration: Integration, channel: str = "orders", direction: str = "to_platform") -> TrafficCounter:
    """What the relay counted of one client."""
    record = integration.record
    channel_id = next(one.id for one in record.channels if one.name == channel)
    return integration.relay.worker.counters.flow(Flow(record.tenant_id, record.client_id, channel_id, direction))


def throttle(integration: Integration) -> tuple[int, ThrottleCounter]:
    """The version of the one zone that held a client back, and what it did."""
    throttles = integration.relay.worker.counters.throttles
    client_id = integration.record.client_id
    [(version, counter)] = [(key.source.version, one) for key, one in throttles.items() if key.client_id == client_id]
    return version, counter


def own_session(integration: Integration) -> Session:
    """The one session of a client, as it is inside the relay."""
    connections = list(integration.relay.worker.connections)
    client_id = integration.record.client_id
    [session] = [one.session for one in connections if one.identity.client_id == client_id]
    return session
