"""The HTTP answers to a handshake that is refused: status, headers and an RFC 9457 body. Who refuses is gateway/."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

PROBLEM_TYPE = "https://floodgate.example/problems/"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
BEARER = 'Bearer realm="floodgate"'
UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")  # RFC 6750, section 3; the strings of RFC 9651 allow no more
LARGEST_SPREAD_SECONDS = 3  # between the refused: those that obey to the second would come back together
DRAIN_RETRY_SECONDS = 1
FULL_RETRY_SECONDS = 5
LARGEST_RETRY_AFTER_SECONDS = 60  # a vendor's Python SDK sleeps for as long as it is told


@dataclass(frozen=True, slots=True)
class Denial:
    """An HTTP answer that refuses. ``code`` is for programs and stable, ``detail`` is a sentence for people."""

    status: int
    code: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    members: Mapping[str, object] = field(default_factory=dict)
    problem_type: str = ""

    def body(self) -> bytes:
        """Write the problem document (RFC 9457)."""
        document = {
            "type": self.problem_type or PROBLEM_TYPE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        return json.dumps(document).encode()

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI wants them."""
        fixed = [("content-type", "application/problem+json"), ("cache-control", "no-store")]
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*fixed, *self.headers]]


class Denied(Exception):
    """A handshake was refused; ``denial`` is the answer to send."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code)
        self.denial = denial


def token_missing() -> Denial:
    """401 without an error attribute (RFC 6750, section 3.1)."""
    detail = "Send an access token: Authorization: Bearer <token>. POST /oauth/token issues one."
    return Denial(401, "token_missing", detail, (("www-authenticate", BEARER),))


def token_invalid(why: str) -> Denial:
    """401 for a token that is wrong, has ended or was revoked; ``why`` is a sentence."""
    challenge = f'{BEARER}, error="invalid_token", error_description={_quoted(why)}'
    return Denial(401, "invalid_token", why, (("www-authenticate", challenge),))


def scope_missing(scope: str, channel: str) -> Denial:
    """403 for a channel that asks for a scope which the token lacks."""
    challenge = f'{BEARER}, error="insufficient_scope", scope={_quoted(scope)}'
    asked = f'Channel "{channel}" asks for scope "{scope}".'
    detail = f"{asked} Ask for it at POST /oauth/token; an administrator can allow it."
    return Denial(403, "insufficient_scope", detail, (("www-authenticate", challenge),))


def forbidden(code: str, detail: str) -> Denial:
    """403 for what exists within the client's own tenant."""
    return Denial(403, code, detail)


def not_found() -> Denial:
    """404 for what is not there, and for what is somebody else's: the answer does not tell which."""
    return Denial(
        404, "channel_not_found", "There is no such channel. Check the host, the path and the channel's name."
    )


def bad_request(code: str, detail: str) -> Denial:
    """400 for a handshake that can't be understood."""
    return Denial(400, code, detail)


def frames_too_early() -> Denial:
    """400 for a client that takes its handshake for accepted before it was answered."""
    return bad_request("frames_too_early", "Send no frames before the answer to the upgrade.")


def failed() -> Denial:
    """500 for a mistake of ours."""
    return Denial(500, "internal_error", "The relay failed at this handshake; its log says why.")


def head_refused(status: int, why: str) -> Denial:
    """400, 414 or 431 for what is no head of a request, or too much of one."""
    return Denial(status, "request_invalid", f"This is no request that can be answered: {why}.")


def body_malformed() -> Denial:
    """400 for a body whose chunks are none."""
    return head_refused(400, "its body is malformed")


def handshake_too_slow(deadline_seconds: float) -> Denial:
    """408 for a client that has not sent its request in time."""
    return Denial(408, "request_timeout", f"The request was not complete within {deadline_seconds:g} s. Send it again.")


def method_not_allowed(detail: str, allowed: str) -> Denial:
    """405 with the methods that are ``allowed``."""
    return Denial(405, "method_not_allowed", detail, (("allow", allowed),))


def version_not_spoken() -> Denial:
    """426 for a handshake of another version of WebSocket (RFC 6455, section 4.2.2)."""
    detail = "Version 13 of WebSocket is spoken here. Send Sec-WebSocket-Version: 13."
    return Denial(426, "websocket_version", detail, (("sec-websocket-version", "13"),))


def upgrade_required() -> Denial:
    """426 for an ordinary request to a WebSocket's path (RFC 9110, section 15.5.22)."""
    detail = "This path is a WebSocket's. Connect with ws:// or wss://, which sends Upgrade: websocket."
    return Denial(426, "upgrade_required", detail, (("upgrade", "websocket"), ("connection", "upgrade")))


def too_many(zone: str, retry_after_seconds: int, quota: str = "", remaining: str = "") -> Denial:
    """429 with the zone that decided, Retry-After, and the RateLimit fields of the IETF's draft.

    Args:
        zone: the zone's name.
        retry_after_seconds: varied by client, so that they don't come back together.
        quota: the RateLimit-Policy item's parameters, such as ``q=5;w=1``.
        remaining: the RateLimit item's parameters, such as ``r=0;t=1``.
    """
    seconds = _believable(retry_after_seconds)
    headers = [("retry-after", str(seconds))]
    if quota:
        headers.append(("ratelimit-policy", f"{_quoted(zone)};{quota}"))
        headers.append(("ratelimit", f"{_quoted(zone)};{remaining}"))
    members = {"violated-policies": [zone], "retry_after_ms": seconds * 1000}
    detail = f'Limit "{zone}" is used up. Come back in {seconds} s.'
    return Denial(429, "rate_limited", detail, tuple(headers), members, QUOTA_EXCEEDED)


def platform_busy(retry_after_seconds: int) -> Denial:
    """429 because the platform said so."""
    seconds = _believable(retry_after_seconds)
    detail = f"The platform is throttling. Come back in {seconds} s."
    headers = (("retry-after", str(seconds)),)
    return Denial(429, "platform_throttled", detail, headers, {"retry_after_ms": seconds * 1000})


def platform_refused(detail: str) -> Denial:
    """502: the platform answered, but with something that the client can't mend."""
    return Denial(502, "platform_refused", detail)


def credential_needed() -> Denial:
    """502: there is no credential that may be sent to the platform; the relay's log says which hosts differ."""
    detail = (
        "The platform connection needs its credential entered anew: it has none, its address changed since, or no key"
        " opens it. An administrator can enter it under Platform connections."
    )
    return Denial(502, "platform_credential_needed", detail)


def unavailable(code: str, detail: str, retry_after_seconds: int) -> Denial:
    """503 with a time to come back: the platform or the relay can't serve now."""
    return Denial(503, code, detail, (("retry-after", str(_believable(retry_after_seconds))),))


def relay_full(short_of: str) -> Denial:
    """503 because this process has no room for one more; ``short_of`` is memory or files."""
    return unavailable("relay_full", f"This relay process is short of {short_of}. Come back later.", FULL_RETRY_SECONDS)


def draining() -> Denial:
    """503 because this process ends: another one answers at once."""
    detail = "This relay process is ending. Connect again: another one answers."
    return unavailable("draining", detail, DRAIN_RETRY_SECONDS)


def varied(retry_after_seconds: int, spread_seconds: int) -> int:
    """A time to come back, never too long, and later by what keeps those who are refused from coming back together."""
    return min(retry_after_seconds, LARGEST_RETRY_AFTER_SECONDS - LARGEST_SPREAD_SECONDS) + spread_seconds


def _believable(retry_after_seconds: int) -> int:
    return min(max(1, retry_after_seconds), LARGEST_RETRY_AFTER_SECONDS)


def _quoted(text: str) -> str:
    """A quoted string for a header: what could end it, or the header, is replaced."""
    return f'"{UNQUOTABLE.sub("?", text)}"'
