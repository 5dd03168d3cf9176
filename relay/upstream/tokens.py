"""The platforms' tokens: asked for by each platform's own flow, kept until shortly before they end.

One request serves all handshakes that wait for it.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field

import aiohttp
import msgspec

from relay.platforms import cxone, genesys
from relay.platforms.answers import (
    CredentialIncomplete,
    PlatformToken,
    Refusal,
    TokenAnswerUnusable,
    TokenRequest,
    refusal_of,
)
from relay.platforms.tokens import read_token, retry_after_seconds
from relay.store.client_records import Platform, PlatformConnectionRecord
from relay.upstream.tls import tls_context
from tenants.encryption import CredentialUnreadable, decrypt_credential

REQUEST_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1024 * 1024
USED_PART_OF_LIFE = 0.8  # asked for anew after that, while the old one still works
AFTER_FAILURE_SECONDS = 1.0  # a refused request is not repeated at once by the next handshake


class TokenUnavailable(Exception):
    """A platform's token can't be had; the message says why, without the credential."""

    def __init__(self, why: str, *, refusal: Refusal, retry_after_seconds: float | None = None) -> None:
        super().__init__(why)
        self.refusal = refusal
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True)
class _Kept:
    token: PlatformToken
    credential: str
    ask_again_at: float
    ends_at: float


@dataclass(slots=True)
class _Failed:
    error: TokenUnavailable
    credential: str
    until: float


@dataclass(slots=True)
class PlatformTokens:
    """One token for each platform connection. Times are of the monotonic clock, in seconds."""

    http: aiohttp.ClientSession
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _failed: dict[str, _Failed] = field(default_factory=dict)
    _asking: dict[str, asyncio.Task[PlatformToken]] = field(default_factory=dict)

    async def token_for(self, connection: PlatformConnectionRecord) -> str:
        """A token that still lives.

        Raises:
            TokenUnavailable: the platform refused, could not be reached, or answered with no token.
        """
        now = time.monotonic()
        kept = self._kept.get(connection.id)
        if kept is not None and kept.credential == connection.encrypted_credential and now < kept.ask_again_at:
            return kept.token.value
        failed = self._failed.get(connection.id)
        if failed is not None and failed.credential == connection.encrypted_credential and now < failed.until:
            raise failed.error
        task = self._asking.get(connection.id)
        if task is None:
            task = asyncio.create_task(self._ask(connection), name=f"platform token of {connection.id}")
            self._asking[connection.id] = task
            task.add_done_callback(lambda _: self._asking.pop(connection.id, None))
        token = await asyncio.shield(task)
        return token.value

    def forget(self, connection: PlatformConnectionRecord, token: str) -> None:
        """Ask anew next time: the platform refused ``token``."""
        kept = self._kept.get(connection.id)
        if kept is not None and kept.token.value == token:
            del self._kept[connection.id]

    async def aclose(self) -> None:
        """Cancel the requests under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, connection: PlatformConnectionRecord) -> PlatformToken:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                token = await self._request_token(connection)
        except (TimeoutError, aiohttp.ClientError) as error:
            why = str(error) or f"no answer within {REQUEST_SECONDS:g} s"
            raise self._fail(connection, TokenUnavailable(why, refusal=Refusal.UNAVAILABLE)) from error
        except (TokenAnswerUnusable, CredentialUnreadable) as error:
            raise self._fail(connection, TokenUnavailable(str(error), refusal=Refusal.OTHER)) from error
        except CredentialIncomplete as error:
            raise self._fail(connection, TokenUnavailable(str(error), refusal=Refusal.CREDENTIAL)) from error
        except TokenUnavailable as error:
            raise self._fail(connection, error) from error
        now = time.monotonic()
        ask_again_at = now + token.life_seconds * USED_PART_OF_LIFE
        ends_at = now + token.life_seconds
        self._kept[connection.id] = _Kept(token, connection.encrypted_credential, ask_again_at, ends_at)
        self._failed.pop(connection.id, None)
        return token

    def _fail(self, connection: PlatformConnectionRecord, error: TokenUnavailable) -> TokenUnavailable:
        until = time.monotonic() + (error.retry_after_seconds or AFTER_FAILURE_SECONDS)
        self._failed[connection.id] = _Failed(error, connection.encrypted_credential, until)
        return error

    async def _request_token(self, connection: PlatformConnectionRecord) -> PlatformToken:
        credential = msgspec.structs.asdict(decrypt_credential(connection.encrypted_credential))
        tls = tls_context(connection.ca_certificate)
        if connection.platform is Platform.CXONE:
            discovery = await self._fetch("GET", connection.token_url, tls)
            return await self._post(cxone.token_request(cxone.token_endpoint(discovery), credential), tls)
        return await self._post(genesys.token_request(connection.token_url, credential), tls)

    async def _post(self, request: TokenRequest, tls: ssl.SSLContext) -> PlatformToken:
        return read_token(await self._fetch("POST", request.url, tls, data=request.form, headers=request.headers))

    async def _fetch(
        self,
        method: str,
        url: str,
        tls: ssl.SSLContext,
        *,
        data: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        async with self.http.request(method, url, data=data, headers=headers, ssl=tls, allow_redirects=False) as answer:
            body = await _bounded(answer.content)
            if answer.status == 200:  # noqa: PLR2004
                return body
            names = {name.lower(): value for name, value in answer.headers.items()}
            error_word = _error_word(body)
            why = f"the token endpoint answered {answer.status}{f' {error_word}' if error_word else ''}"
            refusal = Refusal.CREDENTIAL if answer.status == 400 else refusal_of(answer.status)  # noqa: PLR2004
            raise TokenUnavailable(why, refusal=refusal, retry_after_seconds=retry_after_seconds(names, time.time()))


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """Read an answer to its end, but no more than an answer may have."""
    body = b""
    async for part in content.iter_any():
        body += part
        if len(body) > LARGEST_ANSWER_BYTES:
            raise TokenAnswerUnusable(f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes")
    return body


def _error_word(body: bytes) -> str:
    """The ``error`` of RFC 6749, section 5.2, if the body has one and it is a plain word."""
    try:
        word = msgspec.json.decode(body).get("error", "")
    except (ValueError, AttributeError):
        return ""
    return word if isinstance(word, str) and word.isidentifier() else ""
