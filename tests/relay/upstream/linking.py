"""Links in tests: what a client offers, and who reads what the platform sends."""

import asyncio

from relay.upstream.link import Link, LinkTarget
from tests.relay.integration import Unchecked


def target(url: str, **fields: Unchecked) -> LinkTarget:
    """Offers nothing to ``url``, in which the channel is called echo, unless ``fields`` do."""
    offered: dict[str, Unchecked] = {"subprotocols": "", "extensions": "", "headers": (), "query": ""}
    reached = {"url": url.replace("{channel}", "echo"), "authorization": "Bearer canary-token"}
    return LinkTarget(**(offered | reached | fields))


class Receiver(asyncio.Protocol):
    """Takes a link over, and keeps what comes."""

    def __init__(self, link: Link) -> None:
        """Begin to read."""
        self.received = b""
        link.transport.set_protocol(self)
        link.hand_over(self)
        link.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.received += data
