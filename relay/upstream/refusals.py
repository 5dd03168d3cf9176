"""Turns what a platform refused, or could not do, into the answer that fits for the client."""

import math
import time

from relay.platforms.answers import Refusal, refusal_of
from relay.platforms.tokens import retry_after_seconds
from relay.protocol.denials import Denial, credential_needed, platform_busy, platform_refused, unavailable, varied
from relay.upstream.link import LinkFailed, LinkRefused
from relay.upstream.token_requests import TokenUnavailable

WITHOUT_WORD_SECONDS = 5.0  # told to clients when a platform does not say when to come back


def denial_of_link(error: LinkRefused | LinkFailed, spread_seconds: int) -> Denial:
    """The answer when the platform's socket could not be opened; ``spread_seconds`` varies it."""
    if isinstance(error, LinkFailed):
        return _unreachable(spread_seconds)
    asked_seconds = retry_after_seconds(error.headers, time.time())
    return _refused(refusal_of(error.status), f"status {error.status}", asked_seconds, spread_seconds)


def denial_of_token(error: TokenUnavailable, spread_seconds: int) -> Denial:
    """The answer when no token for the platform could be had."""
    if error.refusal is Refusal.UNAVAILABLE and error.retry_after_seconds is None:
        return _unreachable(spread_seconds)
    return _refused(error.refusal, str(error), error.retry_after_seconds, spread_seconds)


def _refused(refusal: Refusal, what: str, asked_seconds: float | None, spread_seconds: int) -> Denial:
    seconds = varied(math.ceil(asked_seconds or WITHOUT_WORD_SECONDS), spread_seconds)
    if refusal is Refusal.THROTTLED:
        return platform_busy(seconds)
    if refusal is Refusal.UNAVAILABLE:
        return unavailable("platform_unavailable", f"The platform can't serve now ({what}).", seconds)
    if refusal is Refusal.NOT_SENT:
        return credential_needed()
    if refusal is Refusal.CREDENTIAL:
        advice = "An administrator can renew it under Platform connections."
        return platform_refused(f"The platform does not accept the tenant's credential ({what}). {advice}")
    return platform_refused(f"The platform refused the connection ({what}). Check where the channel maps to.")


def _unreachable(spread_seconds: int) -> Denial:
    detail = "The platform can't be reached now. The relay's log says why."
    return unavailable("platform_unreachable", detail, math.ceil(WITHOUT_WORD_SECONDS) + spread_seconds)
