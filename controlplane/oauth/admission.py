"""Holds OAuth's endpoints against a flood: zones by address and by client id, in memory, before any lookup or hash.

An id is charged for each address apart: it is no secret, and whoever knows one would keep its owner out.
"""

import time

from asgiref.typing import HTTPScope
from django.conf import settings

from controlplane.oauth.messages import OAuthRequest, too_many
from controlplane.zone_tables import ZoneTable
from relay.protocol.forwarded import client_address, subscriber
from relay.throttle.policy import Scope


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
