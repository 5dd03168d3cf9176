"""``/``, ``/control/received``, ``/control/stats`` and ``/control/reset``: what came, in full and in figures."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from aiohttp import web

from floodgate_simulator.clock import unix_now
from floodgate_simulator.control.answers import explained
from floodgate_simulator.control.fields import read_fields
from floodgate_simulator.entry.guard import SIMULATION
from floodgate_simulator.ledger.received import ReceivedMessage

LINES_IN_A_WRITE = 500
CLOSE_ON_RESET = 1001


def routes() -> list[web.RouteDef]:
    """All paths."""
    return [
        web.get("/", show_what_there_is),
        web.get("/control/received", explained(list_received)),
        web.get("/control/stats", show_stats),
        web.post("/control/reset", explained(reset)),
    ]


async def show_what_there_is(_request: web.Request) -> web.StreamResponse:
    """Where to look, for whoever opens the address in a browser."""
    sentence = "This stands in for Genesys Cloud CX and NICE CXone."
    counts = "/control/stats has all counts, /control/received all messages, /control/health says whether it runs."
    return web.json_response({"detail": f"{sentence} {counts}"})


async def list_received(request: web.Request) -> web.StreamResponse:
    """The messages kept, as JSON lines, oldest first."""
    messages = _asked_for(request)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    with suppress(ConnectionResetError):  # whoever has read enough may leave
        for lines in _batches(messages):
            await response.write(lines)
        await response.write_eof()
    return response


def _batches(messages: Iterable[ReceivedMessage]) -> Iterator[bytes]:
    lines = (json.dumps(message.as_json()) + "\n" for message in messages)
    while batch := "".join(islice(lines, LINES_IN_A_WRITE)):
        yield batch.encode()


async def show_stats(request: web.Request) -> web.StreamResponse:
    """All counts."""
    return web.json_response(request.app[SIMULATION].ledger.as_json())


async def reset(request: web.Request) -> web.StreamResponse:
    """Forget messages, counts, faults and pushes; sockets and tokens only if asked."""
    fields = await read_fields(request, {"close": bool, "tokens": bool})
    simulation = request.app[SIMULATION]
    faults = simulation.faults.clear()
    simulation.read_as_ordered()
    simulation.stop_pushing()
    return web.json_response(
        {
            "messages": simulation.ledger.reset(unix_now()),
            "faults": faults,
            "closed": simulation.close_all(CLOSE_ON_RESET, "reset") if fields.get("close") else 0,
            "tokens": simulation.tokens.clear() if fields.get("tokens") else 0,
        },
    )


def _asked_for(request: web.Request) -> Iterator[ReceivedMessage]:
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise ValueError(f"since is {since!r}, but must be the sequence of a message, a whole number.")
    channel, credential = request.query.get("channel"), request.query.get("credential")
    return (
        message
        for message in request.app[SIMULATION].ledger.received.after(int(since))
        if channel in (None, message.channel) and credential in (None, message.credential)
    )
