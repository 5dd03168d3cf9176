"""The client's door: one handshake in, one running session out. It never sees a message."""

from contextlib import closing
from typing import Any, TypeAlias

from channels.consumer import AsyncConsumer
from django.conf import settings

from relay.gateway.authentication import Handshake, bearer_token
from relay.gateway.channels import channel_for
from relay.gateway.server import take_over_extension
from relay.gateway.worker import Connection, Worker
from relay.protocol.close_codes import CloseCode, close_reason
from relay.protocol.denials import Denial, Denied, draining, not_found
from relay.protocol.origins import refuse_foreign_origin
from relay.splicing.session import Session
from relay.telemetry.counters import Flow
from relay.upstream.dial import platform_link
from relay.upstream.link import Link, LinkTarget

# ASGI's dictionaries are open: what a server adds to them is in nobody's types.
Scope: TypeAlias = Any
Receive: TypeAlias = Any
Send: TypeAlias = Any
ACCEPTED = "accepted"


class RelayConsumer(AsyncConsumer):
    """The whole life of a connection: each step is a word, and any of the handshake's may refuse."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI WebSocket scope."""
        await receive()  # websocket.connect
        worker: Worker = scope["state"]["worker"]
        whose = ("", "")
        try:
            take_over = take_over_extension(scope)
            _refuse_while_draining(worker)
            worker.admission.admit_address(scope["client"][0])
            refuse_foreign_origin(scope["headers"], settings.ALLOWED_ORIGINS)
            handshake = Handshake.from_scope(scope, settings.FORWARDED_HEADERS)
            identity = worker.verifier.verify(bearer_token(scope))
            client = await worker.policies.client_of(identity)
            whose = (client.tenant_id, client.client_id)
            worker.counters.names.learn(client)
            channel = channel_for(client, identity, handshake)
            worker.counters.names.learn(client, channel)
            spread, tokens = worker.admission.spread_seconds(), worker.platform_tokens
            with worker.here(identity):
                async with worker.admission.admitted(client, channel, handshake.address) as place:
                    link = await platform_link(tokens, channel, place.credential_id, _offers(handshake), spread)
                    with closing(link):
                        limits = worker.admission.limits(client, channel, place.scope_ids)
                        session = Session(link, limits, Flow(*whose, channel.id, ""), worker.around)
                        await send(_acceptance(link))
                        try:
                            take_over(session.client)
                            session.begin()
                            place.begin(
                                lambda: session.close(CloseCode.CONNECTION_LIMIT, close_reason("connection_limit"))
                            )
                            worker.counters.handshakes[*whose, ACCEPTED] += 1
                            scope.clear()
                            del handshake  # what only handshakes need is not kept for the days that a session may last
                            with worker.connected(Connection(identity, client, channel.name, place, session)):
                                await session.ended()
                        finally:
                            session.tear_down()
        except Denied as denied:
            worker.counters.handshakes[*whose, denied.denial.code] += 1
            await refuse(send, denied.denial)


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 to a WebSocket path that is none of ours."""
    await receive()
    worker: Worker = scope["state"]["worker"]
    denial = not_found()
    try:
        worker.admission.admit_address(scope["client"][0])
    except Denied as denied:
        denial = denied.denial
    worker.counters.handshakes["", "", denial.code] += 1
    await refuse(send, denial)


async def refuse(send: Send, denial: Denial) -> None:
    """Answer a handshake with an HTTP response instead of 101."""
    start = {"type": "websocket.http.response.start", "status": denial.status, "headers": denial.all_headers()}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": denial.body()})


def _refuse_while_draining(worker: Worker) -> None:
    if worker.is_draining:
        raise Denied(draining())


def _offers(handshake: Handshake) -> LinkTarget:
    return LinkTarget(
        subprotocols=handshake.subprotocols,
        extensions=handshake.extensions,
        headers=handshake.forwarded_headers,
        query=handshake.query,
    )


def _acceptance(link: Link) -> dict[str, Any]:
    """Answer the client as the platform answered."""
    headers = [(b"sec-websocket-extensions", link.extensions.encode("latin-1"))] if link.extensions else []
    return {"type": "websocket.accept", "subprotocol": link.subprotocol or None, "headers": headers}
