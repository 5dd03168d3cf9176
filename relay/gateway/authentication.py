"""Who is it? Reads the handshake and verifies its token, without a query: the signature, then the revocations."""

import string
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from relay.protocol.denials import Denied, bad_request, token_invalid, token_missing
from relay.protocol.passing import passed_on

AUDIENCE, TOKEN_TYPE, ALGORITHM = "floodgate", "at+jwt", "RS256"
EXPIRY_LEEWAY_SECONDS = 5.0
ISSUED_LEEWAY_SECONDS = 60.0  # a clock of web's may be ahead of ours
LATEST_SECONDS = 253_402_300_799  # the last of the year 9999: later is a mistake
NOT_OURS = "This is no access token of this relay. POST /oauth/token issues one."
REMEMBERED_TOKENS = 8192  # verified before: an RS256 signature costs 70 us and more
TOKEN_IN_QUERY = ("access_token", "token")
TICKET = "ticket."
QUERY_SAFE = string.punctuation.replace("#", "")  # what a URL's query can't hold is encoded, all else passes as it came


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client asked for, and with what. ``tenant_slug`` is empty where the path names no tenant."""

    channel: str
    tenant_slug: str
    address: str
    query: str = field(repr=False)
    subprotocols: str
    extensions: str
    forwarded_headers: tuple[tuple[str, str], ...] = field(repr=False)

    @classmethod
    def from_scope(cls, scope: dict[str, Any], also_forwarded: Collection[str] = ()) -> "Handshake":
        """Read an ASGI scope that the router has matched. ``also_forwarded`` are headers that go on besides the usual.

        Raises:
            Denied: the token stands in the URL, where every log on the way would keep it.
        """
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        query = quote(scope["query_string"], safe=QUERY_SAFE)
        if any(name in parse_qs(query) for name in TOKEN_IN_QUERY):
            detail = "A token in a URL ends up in logs. Send it as Authorization: Bearer <token>."
            raise Denied(bad_request("token_in_url", detail))
        route = scope["url_route"]["kwargs"]
        offered = [name.strip() for name in ",".join(_all(headers, "sec-websocket-protocol")).split(",")]
        return cls(
            channel=route["channel"],
            tenant_slug=route.get("tenant", ""),
            address=scope["client"][0] if scope["client"] else "",
            query=query,
            subprotocols=", ".join(name for name in offered if name and not name.startswith(TICKET)),
            extensions=", ".join(_all(headers, "sec-websocket-extensions")),
            forwarded_headers=passed_on(headers, also_forwarded),
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """What a valid token says."""

    tenant_id: str
    client_id: str
    token_id: str
    issued_at: float
    expires_at: float
    scopes: frozenset[str]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says of itself before its signature is looked at: what web writes, and nothing else.

    The library takes other names as they come: a ``crit`` of 17 raised TypeError, for whoever sent it.
    """

    alg: str
    typ: str
    kid: str


Moment = Annotated[float, msgspec.Meta(ge=0, le=LATEST_SECONDS)]  # JSON has no other numbers than finite ones


class Claims(msgspec.Struct, frozen=True):
    """What a token says, each claim in the one type that web writes."""

    iss: str
    aud: str
    tenant: str
    client_id: str
    jti: str
    iat: Moment
    exp: Moment
    nbf: Moment = 0.0
    scope: str = ""


class TokenVerifier:
    """Verifies access tokens (RFC 9068) with web's public keys; remembers those it has seen.

    Keys and what was seen share one life: without a key, its tokens are unknown too. A token that names no key is
    refused: trying one key after the other would make each forged token cost as many signatures as there are keys.
    """

    def __init__(self, verification_keys: Iterable[str], issuer: str) -> None:
        """``verification_keys`` are RSA public keys in PEM; ``issuer`` is web's address."""
        keys = map(RSAKey.import_key, verification_keys)
        self._keys = {key.thumbprint(): key for key in keys}
        self._issuer = issuer
        self._seen: OrderedDict[str, Identity] = OrderedDict()

    def verify(self, token: str) -> Identity:
        """Say whose token it is.

        Raises:
            Denied: there is none, it is not ours, does not count yet, or has ended.
        """
        if not token:
            raise Denied(token_missing())
        identity = self._seen.get(token)
        if identity is None:
            identity = self._read(token)
            self._seen[token] = identity
            if len(self._seen) > REMEMBERED_TOKENS:
                self._seen.popitem(last=False)
        if identity.expires_at + EXPIRY_LEEWAY_SECONDS < time.time():
            raise Denied(token_invalid("The access token has ended. POST /oauth/token issues another."))
        return identity

    def _read(self, token: str) -> Identity:
        try:
            claims = self._claims(token)
        except (JoseError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Denied(token_invalid(NOT_OURS)) from error
        now = time.time()
        if claims.iss != self._issuer or claims.aud != AUDIENCE or claims.iat > now + ISSUED_LEEWAY_SECONDS:
            raise Denied(token_invalid(NOT_OURS))
        if claims.nbf > now + EXPIRY_LEEWAY_SECONDS:
            raise Denied(token_invalid("The access token does not count yet. Send it again later."))
        return Identity(
            tenant_id=claims.tenant,
            client_id=claims.client_id,
            token_id=claims.jti,
            issued_at=claims.iat,
            expires_at=claims.exp,
            scopes=frozenset(claims.scope.split()),
        )

    def _claims(self, token: str) -> Claims:
        """The claims of a token that one of our keys signed.

        Raises:
            JoseError, MsgspecError, ValueError, RecursionError: it is no such token.
        """
        encoded = token.partition(".")[0]
        header = msgspec.json.decode(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), type=Header)
        key = self._keys.get(header.kid)
        if key is None or header.typ != TOKEN_TYPE:
            raise ValueError("no token of a key that is known")
        return msgspec.json.decode(jws.deserialize_compact(token, key, [ALGORITHM]).payload, type=Claims)


def _all(headers: list[tuple[str, str]], wanted: str) -> list[str]:
    return [value for name, value in headers if name == wanted]


def bearer_token(scope: dict[str, Any]) -> str:
    """The token that an ASGI scope's Authorization header brings, or an empty string."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""
