"""Asking for a platform's token in tests: credentials, faults to order, and what the platform counted."""

import msgspec
import pytest
from floodgate_simulator.application import Simulator
from floodgate_simulator.faults.fault import Fault, Kind
from floodgate_simulator.faults.schedule import OrderedFault

from relay.store.client_records import PlatformConnectionRecord
from relay.upstream.token_requests import Source, TokenUnavailable
from relay.upstream.tokens import PlatformTokens
from tests.relay import records
from tests.relay.integration import Unchecked

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWERS_THAT_ARE_NONE = {
    "nothing": [b""],
    "garbage": [b"\xff\x00 garbage \r\n\r\n"],
    "half a head": [OK[:20]],
    "half a body": [OK, b'Content-Length: 50\r\n\r\n{"access_token":'],
    "half a chunk": [OK, b"Transfer-Encoding: chunked\r\n\r\n", b"40\r\nabc"],
    "no gzip": [OK, b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip"],
    "header bomb": [OK, *[b"X-Odd: " + b"x" * 8000 + b"\r\n"] * 20],
    "long line": [b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n"],
}


def with_credential(connection: PlatformConnectionRecord, **parts: str) -> PlatformConnectionRecord:
    """The same account with another credential."""
    changed = msgspec.structs.replace(records.CREDENTIAL, **parts)
    return records.with_credential(connection, changed)


def source_of(connection: PlatformConnectionRecord) -> Source:
    """Where the tokens of an account's only credential come from."""
    return Source.of(connection, connection.credentials[0])


def order(simulator: Simulator, kind: Kind = "status", **fields: Unchecked) -> OrderedFault:
    """Let something go wrong with token requests."""
    return simulator.simulation.order(Fault(kind=kind, target="token", **fields))


def asked(simulator: Simulator) -> dict[str, int]:
    """How often the platform was asked for a token, by its answers."""
    return dict(simulator.simulation.ledger.token_requests)


async def refusal_of(tokens: PlatformTokens, connection: PlatformConnectionRecord) -> TokenUnavailable:
    """Why there is no token."""
    with pytest.raises(TokenUnavailable) as unavailable:
        await tokens.token_for(source_of(connection))
    return unavailable.value
