"""Reads what both platforms' token endpoints answer (RFC 6749, section 5.1), and what they say of coming back."""

import base64
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from relay.platforms.answers import PlatformToken, TokenAnswerUnusable

SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 3600.0
EPOCH_SECONDS, EPOCH_MILLISECONDS = 10**9, 10**12
WITHOUT_END_SECONDS = 600.0  # what we take for a token whose answer does not say
LONGEST_LIFE_SECONDS = 366 * 86_400.0  # more is taken for this
LONGEST_TOKEN = 16 * 1024  # characters; it goes into every handshake with the platform
DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?|[0-9]{19,}")  # servers divide, and send what comes of it
SENDABLE = re.compile(r"[!-~]+")  # what a header can carry of a token (RFC 6749, appendix A.12)


def basic_authorization(client_id: str, client_secret: str) -> str:
    """The Authorization header of a client; id and secret are URL-encoded first (RFC 6749, section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def read_token(body: bytes) -> PlatformToken:
    """Read a token endpoint's answer.

    Raises:
        TokenAnswerUnusable: it is no JSON object with an ``access_token`` that lives and that a header can carry.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TokenAnswerUnusable("the answer is not JSON") from error
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise TokenAnswerUnusable("the answer has no access_token")
    if len(token) > LONGEST_TOKEN:
        raise TokenAnswerUnusable(f"the access_token is longer than {LONGEST_TOKEN} characters")
    if not SENDABLE.fullmatch(token):
        raise TokenAnswerUnusable("the access_token has characters that no header can carry")
    return PlatformToken(token, _life_seconds(answer.get("expires_in")))


def _life_seconds(expires_in: object) -> float:
    """Read ``expires_in``: a number, or a number written as a string. Null and "" say as little as nothing."""
    seconds: object = WITHOUT_END_SECONDS if expires_in in (None, "") else expires_in
    if isinstance(seconds, str) and DECIMAL.fullmatch(seconds.strip()):
        seconds = float(seconds.strip()[:37])
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise TokenAnswerUnusable(f"expires_in is {str(seconds)[:20]!r}")
    return float(min(seconds, LONGEST_LIFE_SECONDS))


def retry_after_seconds(headers: Mapping[str, str], now_unix_seconds: float) -> float | None:
    """How long a platform asks us to stay away, or none where it does not say so.

    Trusts ``Retry-After`` (seconds, whose parts are rounded up, or an HTTP date), then ``inin-ratelimit-reset``, then
    ``X-RateLimit-Reset``, which may be seconds or an epoch; believed from 1 s to 1 h.

    Args:
        headers: by names in small letters.
        now_unix_seconds: wall clock, to which dates and epochs are compared.
    """
    for name in ("retry-after", "inin-ratelimit-reset", "x-ratelimit-reset"):
        seconds = _seconds(headers.get(name, ""), now_unix_seconds)
        if seconds is not None:
            return min(max(SHORTEST_RETRY_SECONDS, seconds), LONGEST_RETRY_SECONDS)
    return None


def _seconds(value: str, now_unix_seconds: float) -> float | None:
    text = value.strip()
    if DECIMAL.fullmatch(text):
        number = float(math.ceil(float(text[:37])))
        if number >= EPOCH_MILLISECONDS:
            return number / 1000 - now_unix_seconds
        return number - now_unix_seconds if number >= EPOCH_SECONDS else number
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now_unix_seconds
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
