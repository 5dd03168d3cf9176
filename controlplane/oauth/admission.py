"""Holds OAuth's endpoints against a flood: zones by address and by client id, in memory, before any lookup or hash.

An id is charged for each address apart: it is no secret, and whoever knows one would keep its owner out.
"""

import time
from collections import OrderedDict

from asgiref.typing import HTTPScope
from django.conf import settings

from controlplane.oauth.messages import OAuthRequest, too_many
from relay.protocol.forwarded import client_address, subscriber
from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone

MOST_ZONES = 16_384  # 6 MiB; the least recently used is forgotten, and begins at rest if it comes again
LARGEST_RETRY_AFTER_SECONDS = 60


class ZoneTable:
    """One limit for each of many keys, of which the busiest are remembered."""

    def __init__(self, *, name: str, scope: Scope, permits: int, burst: int) -> None:
        """Allow each key ``permits`` a second, with ``burst`` at once."""
        self._zones: OrderedDict[str, Limiter] = OrderedDict()
        self._policy = ZonePolicy(
            name=name,
            scope=scope,
            counted=Counted.HANDSHAKES,
            permits=permits,
            burst=burst,
            delay=burst,
            beyond=Beyond.REJECT,
        )

    def seconds_to_wait(self, key: str, now_ns: int) -> int:
        """Charge one request to ``key``: 0 if it may pass, else after how many whole seconds another may."""
        limiter = self._zones.get(key)
        if limiter is None:
            limiter = self._zones[key] = Limiter([Zone(self._policy)])
            if len(self._zones) > MOST_ZONES:
                self._zones.popitem(last=False)
        self._zones.move_to_end(key)
        verdict = limiter.admit(now_ns)
        if verdict.action is Action.PASS:
            return 0
        return min(-(-verdict.wait_ns // SECOND_NS), LARGEST_RETRY_AFTER_SECONDS)


class Admission:
    """The zones that all of OAuth's endpoints of one process share."""

    def __init__(self) -> None:
        """Take the limits from the settings."""
        self._addresses = ZoneTable(
            name="token_address",
            scope=Scope.ADDRESS,
            permits=settings.TOKEN_ADDRESS_PERMITS,
            burst=settings.TOKEN_ADDRESS_BURST,
        )
        self._clients = ZoneTable(
            name="token_client",
            scope=Scope.CLIENT,
            permits=settings.TOKEN_CLIENT_PERMITS,
            burst=settings.TOKEN_CLIENT_BURST,
        )

    def admit_address(self, scope: HTTPScope) -> str:
        """Charge the address that asks.

        Returns:
            The subscriber that was charged.

        Raises:
            Refused: 429, it asked too often.
        """
        peer = scope["client"][0] if scope["client"] else ""
        forwarded_for, forwarded = (_values(scope, name) for name in (b"x-forwarded-for", b"forwarded"))
        asking = subscriber(client_address(peer, forwarded_for, forwarded, settings.TRUSTED_PROXIES))
        _refuse_if(self._addresses.seconds_to_wait(asking, time.monotonic_ns()))
        return asking

    def admit_client(self, request: OAuthRequest, asking: str) -> None:
        """Charge the client id that was given, as named by one subscriber, whether there is such a client or not.

        Raises:
            Refused: 429, it asked too often.
        """
        _refuse_if(self._clients.seconds_to_wait(f"{asking} {request.client_id}", time.monotonic_ns()))


def _values(scope: HTTPScope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for known, value in scope["headers"] if known == name]


def _refuse_if(seconds: int) -> None:
    if seconds:
        raise too_many(seconds)
