"""Asks a platform for a token, by the platform's own flow, and says in one kind of error why there is none.

Keeping and sharing what was got is tokens.py's.
"""

import asyncio
import time

import aiohttp
import msgspec

from relay.platforms import cxone, genesys
from relay.platforms.answers import (
    CredentialIncomplete,
    PlatformToken,
    Refusal,
    TokenAnswerUnusable,
    refusal_of,
)
from relay.platforms.tokens import read_token, retry_after_seconds
from relay.store.client_records import CredentialRecord, Platform, PlatformConnectionRecord
from relay.upstream.platform_http import PlatformHttp
from relay.upstream.resolver import NoAddress, Resolver
from relay.upstream.tls import CertificateUnusable, tls_context
from tenants.encryption import CredentialUnusable, decrypt_credential

REQUEST_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1024 * 1024
LONGEST_ERROR_WORD = 64  # it goes into the log and to the client


class Source(msgspec.Struct, frozen=True):
    """All that a token depends on: what was kept or refused by another source says nothing."""

    credential_id: str
    platform: Platform
    token_url: str
    socket_url: str  # a token must not go where its credential was not entered for
    encrypted_secret: str
    ca_certificate: str

    @classmethod
    def of(cls, connection: PlatformConnectionRecord, credential: CredentialRecord) -> "Source":
        """Where the tokens of a credential come from."""
        return cls(
            credential.id,
            connection.platform,
            connection.token_url,
            connection.socket_url,
            credential.encrypted_secret,
            connection.ca_certificate,
        )


class TokenUnavailable(Exception):
    """A platform's token can't be had; the message says why, without the credential."""

    def __init__(self, why: str, *, refusal: Refusal, retry_after_seconds: float | None = None) -> None:
        super().__init__(why)
        self.refusal = refusal
        self.retry_after_seconds = retry_after_seconds


async def request_token(http: aiohttp.ClientSession, resolver: Resolver, source: Source) -> PlatformToken:
    """A new token of the platform, asked for at addresses that ``resolver`` allows.

    Raises:
        TokenUnavailable: the platform refused, could not be reached, or answered with no token.
    """
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return await _request(http, resolver, source)
    except CredentialIncomplete as error:
        raise TokenUnavailable(str(error), refusal=Refusal.CREDENTIAL) from error
    except CredentialUnusable as error:
        raise TokenUnavailable(str(error), refusal=Refusal.NOT_SENT) from error
    except (TokenAnswerUnusable, CertificateUnusable) as error:
        raise TokenUnavailable(str(error), refusal=Refusal.OTHER) from error
    except NoAddress as error:
        raise TokenUnavailable(f"no token endpoint: {error}", refusal=Refusal.UNAVAILABLE) from error
    except (TimeoutError, aiohttp.ClientError) as error:
        why = str(error) or f"no answer within {REQUEST_SECONDS:g} s"
        raise TokenUnavailable(why, refusal=Refusal.UNAVAILABLE) from error


async def _request(http: aiohttp.ClientSession, resolver: Resolver, source: Source) -> PlatformToken:
    leads_to = source.token_url, source.socket_url
    credential = msgspec.structs.asdict(decrypt_credential(source.encrypted_secret, leads_to))
    platform = PlatformHttp(http, resolver, tls_context(source.ca_certificate))
    if source.platform is Platform.CXONE:
        document = await _read(await platform.get(source.token_url))
        request = cxone.token_request(cxone.token_endpoint(document, source.token_url), credential)
    else:
        request = genesys.token_request(source.token_url, credential)
    return read_token(await _read(await platform.post(request)))


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    async with answer:
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
    except (ValueError, AttributeError, RecursionError):
        return ""
    return word if isinstance(word, str) and word.isidentifier() and len(word) <= LONGEST_ERROR_WORD else ""
