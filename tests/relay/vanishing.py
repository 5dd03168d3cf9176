"""How an endpoint can vanish, and what a relay has left of sessions that should be over: nothing."""

import asyncio
import gc
import socket
import struct
from collections.abc import Awaitable, Callable

from relay.splicing.session import Session
from relay.splicing.splice import Splice
from relay.telemetry.defects import defects
from tests.relay.integration import RawConnection, drop
from tests.relay.running import RunningRelay

RST_ON_CLOSE = struct.pack("ii", 1, 0)
ENDLESS = ("sleep", "600")


async def close(endpoint: RawConnection) -> None:
    """End both directions in order; with TLS, its own goodbye comes first, and no answer to it is waited for."""
    endpoint.writer.close()
    endpoint.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)


async def reset(endpoint: RawConnection) -> None:
    """Have the kernel send a reset."""
    endpoint.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    await drop(endpoint.writer)


async def kill(endpoint: RawConnection) -> None:
    """Have the kernel close the socket of a process that it kills: a child that holds it last."""
    number = endpoint.writer.get_extra_info("socket").fileno()
    holder = await asyncio.create_subprocess_exec(*ENDLESS, pass_fds=(number,))
    await drop(endpoint.writer)
    holder.kill()
    await holder.wait()


WAYS: dict[str, Callable[[RawConnection], Awaitable[None]]] = {"close": close, "reset": reset, "kill": kill}


def leftovers(relay: RunningRelay, tenant_id: str) -> dict[str, int]:
    """What a relay still has of a tenant whose clients are gone, by kind."""
    worker = relay.worker
    places = worker.sharing.entering._tenants.get(tenant_id)  # noqa: SLF001 - nobody else asks what is taken
    left = {
        "connections": sum(one.identity.tenant_id == tenant_id for one in list(worker.connections)),
        "handshakes": len(worker.clients_of(tenant_id)),
        "places": sum(len(held.ends) for held in list(places.places.values())) if places else 0,
    }
    return {name: count for name, count in left.items() if count}


def sessions_in_memory() -> int:
    """Sessions and their sides that something still holds: a timer, a task, a line, a socket."""
    gc.collect()
    return sum(type(one) in {Session, Splice} for one in gc.get_objects())  # isinstance would wake lazy ones


def all_defects() -> dict[str, int]:
    """The defects of this process so far."""
    return dict(defects())
