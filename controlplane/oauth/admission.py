"""Holds OAuth's endpoints against a flood: zones by address and by client id, in memory, before any lookup or hash."""

import time
from collections import OrderedDict
from ipaddress import IPv4Network, IPv6Network, ip_address

from asgiref.typing import HTTPScope
from django.conf import settings

from controlplane.oauth.messages import OAuthRequest, too_many
from relay.throttle.limiter import Limiter
from relay.throttle.policy import SECOND_NS, Beyond, Counted, Scope, ZonePolicy
from relay.throttle.verdict import Action
from relay.throttle.zone import Zone

MOST_ZONES = 16_384  # 6 MiB; the least recently used is forgotten, and begins at rest if it comes again
LARGEST_RETRY_AFTER_SECONDS = 60
IPV6_SUBSCRIBER_BITS = 64  # one subscriber has this many addresses
Network = IPv4Network | IPv6Network


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

    def admit_address(self, scope: HTTPScope) -> None:
        """Charge the address that asks.

        Raises:
            Refused: 429, it asked too often.
        """
        forwarded_for = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        peer = scope["client"][0] if scope["client"] else ""
        address = client_address(peer, forwarded_for, settings.TRUSTED_PROXIES)
        _refuse_if(self._addresses.seconds_to_wait(address, time.monotonic_ns()))

    def admit_client(self, request: OAuthRequest) -> None:
        """Charge the client id that was given, whether there is such a client or not.

        Raises:
            Refused: 429, it asked too often.
        """
        _refuse_if(self._clients.seconds_to_wait(request.client_id, time.monotonic_ns()))


def client_address(peer: str, forwarded_for: list[str], trusted: tuple[Network, ...]) -> str:
    """Who really asks: the last address that no trusted proxy of ours has vouched for.

    Args:
        peer: the other end of the socket; empty for a Unix socket.
        forwarded_for: the values of X-Forwarded-For; believed only as far as proxies in ``trusted`` wrote them.
        trusted: networks of our own proxies.
    """
    hops = [hop.strip() for value in forwarded_for for hop in value.split(",")] + [peer]
    for hop in reversed(hops):
        if not _is_trusted(hop, trusted):
            return _subscriber(hop)
    return _subscriber(hops[0])


def _is_trusted(hop: str, trusted: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(hop)
    except ValueError:
        return False
    return any(address in network for network in trusted)


def _subscriber(hop: str) -> str:
    try:
        address = ip_address(hop)
    except ValueError:
        return "unknown"  # all that can't be told apart shares one zone
    if address.version == 4:  # noqa: PLR2004 - IPv4
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), IPV6_SUBSCRIBER_BITS), strict=False).network_address)


def _refuse_if(seconds: int) -> None:
    if seconds:
        raise too_many(seconds)
