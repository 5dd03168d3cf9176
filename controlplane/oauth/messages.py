"""What OAuth's endpoints are asked and what they answer, as values. Parses without a database or a hash."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

FORM_TYPE = b"application/x-www-form-urlencoded"
LARGEST_BODY_BYTES = 16 * 1024
MOST_PARAMETERS = 32
LONGEST_CLIENT_ID = 255
NOT_STORED = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 6749, section 5.1
CHALLENGE = {"www-authenticate": 'Basic realm="floodgate", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON document (or nothing) and headers besides those that every answer has."""

    status: int
    document: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that OAuth's own error answers (RFC 6749, section 5.2)."""

    def __init__(self, status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.answer = Answer(status, {"error": error, "error_description": description}, headers or {})


@dataclass(frozen=True, slots=True)
class OAuthRequest:
    """A form with the client's id and secret, from the header or from the form itself."""

    form: Mapping[str, str] = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    uses_basic: bool = False

    def refused_client(self) -> Refused:
        """401: one answer for an unknown client, a wrong secret, a disabled client and a suspended tenant."""
        sentence = "Unknown client, wrong secret, or no longer allowed."
        return Refused(401, "invalid_client", sentence, CHALLENGE if self.uses_basic else {})


def parse_request(headers: list[tuple[bytes, bytes]], body: bytes) -> OAuthRequest:
    """Understand a POST to one of OAuth's endpoints.

    Raises:
        Refused: the form or the way the client shows its secret is malformed, or there is none.
    """
    form = _parse_form(headers, body)
    authorizations = [value for name, value in headers if name == b"authorization"]
    if not authorizations:
        return _known(OAuthRequest(form, form.get("client_id", ""), form.get("client_secret", "")))
    if len(authorizations) > 1 or "client_secret" in form:
        raise Refused(400, "invalid_request", "Show the secret once: in the Authorization header or in the form.")
    client_id, client_secret = _parse_basic(authorizations[0])
    if form.get("client_id", client_id) != client_id:
        raise Refused(400, "invalid_request", "The form names another client than the Authorization header.")
    return _known(OAuthRequest(form, client_id, client_secret, uses_basic=True))


def too_large() -> Refused:
    """413 for a body that no OAuth request needs."""
    return Refused(413, "invalid_request", f"The body is larger than {LARGEST_BODY_BYTES} bytes.")


def too_many(retry_after_seconds: int) -> Refused:
    """429 from a zone, before anything was looked up."""
    sentence = f"Too many requests. Ask again in {retry_after_seconds} s, and keep the token until it ends."
    return Refused(429, "temporarily_unavailable", sentence, {"retry-after": str(retry_after_seconds)})


def not_post() -> Refused:
    """405 for every method but POST."""
    return Refused(405, "invalid_request", "Use POST.", {"allow": "POST"})


def unavailable() -> Refused:
    """503 while the database or Redis does not answer."""
    sentence = "A store that this needs does not answer. Ask again in 5 s."
    return Refused(503, "temporarily_unavailable", sentence, {"retry-after": "5"})


def _parse_form(headers: list[tuple[bytes, bytes]], body: bytes) -> dict[str, str]:
    types = [value.split(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    if types != [FORM_TYPE]:
        raise Refused(400, "invalid_request", f"Send a form: Content-Type: {FORM_TYPE.decode()}.")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError as error:
        raise Refused(
            400, "invalid_request", f"The form is malformed, or has over {MOST_PARAMETERS} fields."
        ) from error
    form = dict(pairs)  # without those that have no value: they count as left out (RFC 6749, section 3.2)
    if len(form) != len(pairs):
        raise Refused(400, "invalid_request", "A parameter is repeated.")
    return form


def _parse_basic(authorization: bytes) -> tuple[str, str]:
    """The id and the secret of HTTP Basic, both form-encoded first (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(b" ")
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == b"basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    client_id, separator, client_secret = decoded.partition(":")
    if not separator:
        raise Refused(401, "invalid_client", "The Authorization header is no HTTP Basic of id and secret.", CHALLENGE)
    return unquote_plus(client_id), unquote_plus(client_secret)


def _known(request: OAuthRequest) -> OAuthRequest:
    """Refuse at once what can be no client of ours: no id, no secret, or what no database column could hold."""
    is_storable = "\0" not in request.client_id and len(request.client_id) <= LONGEST_CLIENT_ID
    if not (request.client_id and request.client_secret and is_storable):
        raise request.refused_client()
    return request
