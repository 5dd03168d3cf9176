"""The echo itself, without anything between: what latency and handshakes cost before any relay."""

from tests.bench.contestants.contestant import Contestant
from tests.bench.ground.ground import Ground


def direct(ground: Ground) -> Contestant:
    """The plain echo of the ground."""
    return Contestant("direct", ground.plain_port)
