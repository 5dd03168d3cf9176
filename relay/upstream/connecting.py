"""A connection to the first of a platform's addresses at which somebody is."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from relay.platforms.addresses import Endpoint

CONNECT_SECONDS = 5.0
ATTEMPT_SECONDS = 2.0  # for an address that others follow: one that is silent must leave them time
SomeProtocol = TypeVar("SomeProtocol", bound=asyncio.Protocol)


async def connect_to_first(
    addresses: tuple[str, ...], endpoint: Endpoint, protocol: Callable[[], SomeProtocol], tls: ssl.SSLContext | None
) -> tuple[asyncio.Transport, SomeProtocol]:
    """Try one address after the other; whatever the address, the certificate must be the host's.

    The whole has no limit: callers allow ``CONNECT_SECONDS``.

    Args:
        addresses: IP addresses of the endpoint's host, one at least.
        endpoint: the host and the port.
        protocol: makes what talks over the connection; asked for once for each attempt.
        tls: whom to trust; none for a connection without TLS.

    Raises:
        OSError: what went wrong at the last address.
    """
    connect = partial(
        asyncio.get_running_loop().create_connection,
        protocol,
        port=endpoint.port,
        ssl=tls,
        server_hostname=endpoint.host if endpoint.is_secure else None,  # without tls this is refused, not sent in clear
    )
    *others, last = addresses
    for address in others:
        with suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await connect(host=address)
    return await connect(host=last)
