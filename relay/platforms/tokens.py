"""Reads what both platforms' token endpoints answer (RFC 6749, section 5.1), and what they say of coming back."""

import base64
import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from relay.platforms.answers import PlatformToken, TokenAnswerUnusable

SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 3600.0
EPOCH_SECONDS, EPOCH_MILLISECONDS = 10**9, 10**12
WITHOUT_END_SECONDS = 600.0  # what we take for a token whose answer does not say


def basic_authorization(client_id: str, client_secret: str) -> str:
    """The Authorization header of a client; id and secret are URL-encoded first (RFC 6749, section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def read_token(body: bytes) -> PlatformToken:
    """Read a token endpoint's answer.

    Raises:
        TokenAnswerUnusable: it is no JSON object with an ``access_token`` that lives.
    """
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise TokenAnswerUnusable("the answer is not JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        raise TokenAnswerUnusable("the answer has no access_token")
    life_seconds = answer.get("expires_in", WITHOUT_END_SECONDS)
    if isinstance(life_seconds, str) and life_seconds.isdigit():
        life_seconds = int(life_seconds)
    if isinstance(life_seconds, bool) or not isinstance(life_seconds, int | float) or not life_seconds > 0:
        raise TokenAnswerUnusable(f"expires_in is {str(life_seconds)[:20]!r}")
    return PlatformToken(answer["access_token"], float(life_seconds))


def retry_after_seconds(headers: Mapping[str, str], now_unix_seconds: float) -> float | None:
    """How long a platform asks us to stay away, or none where it does not say so.

    Trusts ``Retry-After`` (seconds or HTTP date), then ``inin-ratelimit-reset``, then ``X-RateLimit-Reset``,
    which may be seconds or an epoch; believed from 1 s to 1 h.

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
    if text.isascii() and text.isdigit():
        number = float(text[:18])
        if number >= EPOCH_MILLISECONDS:
            return number / 1000 - now_unix_seconds
        return number - now_unix_seconds if number >= EPOCH_SECONDS else number
    try:
        return parsedate_to_datetime(text).timestamp() - now_unix_seconds
    except (ValueError, TypeError, IndexError):
        return None
