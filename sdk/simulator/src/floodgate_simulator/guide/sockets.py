"""The guide's two sockets, ``/v2/websocket/<channel>`` and ``/realtime/<tenant>/<channel>``."""

import asyncio
from dataclasses import replace

from aiohttp import web

from floodgate_simulator.access.credentials import PlatformName
from floodgate_simulator.access.tokens import Token
from floodgate_simulator.answers.platforms import ANSWERS
from floodgate_simulator.clock import unix_now
from floodgate_simulator.entry.guard import SIMULATION, Refused, find_token, live_token, meet_fault
from floodgate_simulator.entry.upgrade import negotiate, own_transport, take_over
from floodgate_simulator.limits import WindowState
from floodgate_simulator.simulation import Simulation
from floodgate_simulator.sockets.connection import Connection
from floodgate_simulator.sockets.modes import mode_of
from floodgate_simulator.sockets.pushing import DEFAULT_RATE, PushPlan
from floodgate_simulator.sockets.terms import Terms


def routes() -> list[web.RouteDef]:
    """Both paths, with and without the platform's prefix."""
    return [
        web.get("/v2/websocket/{channel}", genesys_socket),
        web.get("/genesys/v2/websocket/{channel}", genesys_socket),
        web.get("/realtime/{tenant}/{channel}", cxone_socket),
        web.get("/cxone/realtime/{tenant}/{channel}", cxone_socket),
    ]


async def genesys_socket(request: web.Request) -> web.StreamResponse:
    """The socket in Genesys' style."""
    return await _answer(request, "genesys")


async def cxone_socket(request: web.Request) -> web.StreamResponse:
    """The socket in CXone's style."""
    return await _answer(request, "cxone")


async def _answer(request: web.Request, platform: PlatformName) -> web.StreamResponse:
    """Count how the handshake ended; an accepted one stays here until its connection's end."""
    handshakes = request.app[SIMULATION].ledger.handshakes
    try:
        connection = await _accept(request, platform)
    except Refused as refused:
        handshakes[refused.counted_as] += 1
        return refused.response
    except asyncio.CancelledError:
        handshakes["left"] += 1
        raise
    handshakes["101"] += 1
    await connection.ended
    return web.Response()


async def _accept(request: web.Request, platform: PlatformName) -> Connection:
    """One handshake in, one open connection out.

    Raises:
        Refused: a fault, the token, a limit or the request itself speaks against it.
    """
    simulation = request.app[SIMULATION]
    known = find_token(request, platform)
    fault = await meet_fault(request, "handshake", platform, None if known is None else known.credential.client_id)
    token = live_token(request, platform)
    _require_free_connection(simulation, token)
    terms = _agree(request, token)
    response, deflate = negotiate(request, compression=simulation.settings.compression)
    own_transport(request)  # the books must not open a row for a client that went
    row = simulation.ledger.connection_opened(platform, token.credential.client_id, terms.channel, unix_now())
    connection = Connection(replace(terms, deflate=deflate), row, simulation.surroundings, request.protocol)
    hasty = take_over(request, response, connection)
    simulation.connection_opened(connection)
    if fault is not None and fault.kind == "close":
        connection.close(fault.code, fault.close_reason)
    if hasty:
        connection.data_received(hasty)
    return connection


def _require_free_connection(simulation: Simulation, token: Token) -> None:
    allowed = simulation.connections_allowed(token)
    if token.open_connections >= allowed:
        wait_seconds = simulation.settings.retry_after_seconds
        state = WindowState(token.open_connections + 1, allowed, wait_seconds)
        raise Refused(ANSWERS[token.credential.platform].too_many(wait_seconds, state))


def _agree(request: web.Request, token: Token) -> Terms:
    """The terms that settings, credential and query make; compression is agreed upon with the client."""
    simulation = request.app[SIMULATION]
    settings, credential = simulation.settings, token.credential
    channel = request.match_info["channel"]
    try:
        mode = mode_of(channel, request.query.get("mode"))
        plan = PushPlan(
            rate=float(request.query.get("rate", DEFAULT_RATE)),
            size=int(request.query.get("size", 0)),
        )
    except ValueError as problem:
        raise Refused(ANSWERS[credential.platform].error(400, str(problem))) from None
    return Terms(
        token=token,
        channel=channel,
        mode=mode,
        deflate=None,
        limit=simulation.limit_for(credential),
        over_limit=credential.over_limit or settings.over_limit,
        retry_after_seconds=settings.retry_after_seconds,
        max_message_bytes=settings.max_message_bytes,
        push_plan=plan,
    )
