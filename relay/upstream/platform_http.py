"""HTTP requests to platforms: to addresses that were judged, under the host's own name, and never on to elsewhere."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from urllib.parse import urlsplit

import aiohttp

from relay.platforms.addresses import HTTP, Endpoint, netloc
from relay.platforms.answers import TokenRequest
from relay.upstream.connecting import ATTEMPT_SECONDS, CONNECT_SECONDS
from relay.upstream.resolver import Resolver


@dataclass(frozen=True, slots=True)
class PlatformHttp:
    """Asks one platform, whose certificate ``tls`` must trust.

    Answers come before their body is read: use them in ``async with``. A redirect is an answer, and not followed.
    The session is given an IP address instead of the name, and so has nothing to resolve; it keeps connections apart
    by the name that their certificate must have.

    Both methods raise:
        NoAddress: the URL may not be used, or its host has no address that may be connected to.
        aiohttp.ClientError: no connection, no valid certificate, or no answer of HTTP.
        TimeoutError: no connection in time.
    """

    session: aiohttp.ClientSession
    resolver: Resolver
    tls: SSLContext

    async def get(self, url: str) -> aiohttp.ClientResponse:
        """Ask for a document."""
        return await self._send("GET", url, {}, None)

    async def post(self, request: TokenRequest) -> aiohttp.ClientResponse:
        """Ask for a token."""
        return await self._send("POST", request.url, request.headers, request.form)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> aiohttp.ClientResponse:
        endpoint = self.resolver.endpoint(url, HTTP)
        send = partial(
            self.session.request,
            method,
            data=form,
            headers={**headers, "Host": endpoint.host_header},
            ssl=self.tls,
            server_hostname=endpoint.host if endpoint.is_secure else None,
            allow_redirects=False,
        )
        *others, last = await self.resolver.addresses(endpoint)
        for address in others:
            with suppress(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):  # nothing was sent
                return await send(_at(address, url, endpoint), timeout=_timeout(ATTEMPT_SECONDS))
        return await send(_at(last, url, endpoint), timeout=_timeout(CONNECT_SECONDS))


def _at(address: str, url: str, endpoint: Endpoint) -> str:
    """The URL with an IP address in place of the host."""
    return urlsplit(url)._replace(netloc=netloc(address, endpoint.port)).geturl()


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=CONNECT_SECONDS, sock_connect=seconds)
