"""Who takes part in the demo, under which limits, and how each integration sends. Pure: time is passed in."""

from dataclasses import dataclass, replace
from typing import Protocol

from relay.throttle.policy import Counted, ZonePolicy, default_zones

SHARED_CONNECTIONS = 1000  # open connections of a platform's credential: the platform shall be no hindrance here
LIMITED_ZONES = ("client", "connection")
BYTE_ZONE = "bytes"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a client may send, in the words of credentials.json. Without ``bytes_per_second`` bytes are not limited."""

    messages_per_second: float
    burst: int
    delay: int
    bytes_per_second: float = 0
    bytes_burst: int = 0

    @property
    def most_in_a_second(self) -> int:
        """The bound on what a platform receives in any second: rate, burst and one."""
        return int(self.messages_per_second) + self.burst + 1


class Pace(Protocol):
    """How many messages an integration wants to have sent by a time."""

    def offered(self, elapsed_seconds: float) -> int:
        """Messages that were due since the start."""
        ...

    @property
    def words(self) -> str:
        """The same for people."""
        ...


@dataclass(frozen=True, slots=True)
class Steady:
    """Evenly spread messages."""

    messages_per_second: int

    def offered(self, elapsed_seconds: float) -> int:
        """Messages that were due since the start."""
        return int(elapsed_seconds * self.messages_per_second)

    @property
    def words(self) -> str:
        """Such as "40/s"."""
        return f"{self.messages_per_second:,}/s"


@dataclass(frozen=True, slots=True)
class Bursting:
    """Many messages at once, then silence."""

    messages: int
    every_seconds: int

    def offered(self, elapsed_seconds: float) -> int:
        """Messages that were due since the start; the first lot comes at once."""
        return self.messages * (int(elapsed_seconds / self.every_seconds) + 1)

    @property
    def words(self) -> str:
        """Such as "300 every 10 s"."""
        return f"{self.messages:,} every {self.every_seconds} s"


@dataclass(frozen=True, slots=True)
class ClientPart:
    """One integration: its channel, the policy that limits it, and its pace."""

    name: str
    channel: str
    scope: str
    policy: str
    pace: Pace
    floods: bool = False


@dataclass(frozen=True, slots=True)
class TenantPart:
    """One customer on one platform. ``path`` leads to a channel of its own through the relay."""

    name: str
    slug: str
    platform: str
    platform_connection: str
    path: str
    policies: dict[str, Limit]
    clients: tuple[ClientPart, ...]


ACME = TenantPart(
    name="Acme Travel",
    slug="acme",
    platform="genesys",
    platform_connection="Genesys production",
    path="/v2/websocket/{channel}",
    policies={
        "Integrations": Limit(100, 20, 10),
        "Speech analytics": Limit(100, 20, 10),
        "Transcripts": Limit(100, 20, 10, bytes_per_second=10_000, bytes_burst=20_000),
    },
    clients=(
        ClientPart("crm-sync", "crm", "webchat:send", "Integrations", Steady(5)),
        ClientPart("order-events", "orders", "webchat:send", "Integrations", Steady(40)),
        ClientPart("speech-analytics", "speech", "api:write", "Speech analytics", Steady(1000), floods=True),
        ClientPart("chat-transcripts", "transcripts", "webchat:send", "Transcripts", Steady(10)),
    ),
)
UMBRELLA = TenantPart(
    name="Umbrella Insurance",
    slug="umbrella",
    platform="cxone",
    platform_connection="CXone production",
    path="/realtime/umbrella/{channel}",
    policies={"Logging": Limit(50, 20, 10), "Campaigns": Limit(100, 60, 40)},
    clients=(
        ClientPart("wem-logger", "recordings", "api:write", "Logging", Steady(25)),
        ClientPart("campaign-burst", "campaigns", "api:write", "Campaigns", Bursting(300, every_seconds=10)),
    ),
)
TENANTS = (ACME, UMBRELLA)
CLIENTS = {client.name: client for tenant in TENANTS for client in tenant.clients}
OWNED_TENANT, OWNER = ACME, "owner@acme.example"
ADMINISTRATOR = "admin"


def zones(limit: Limit) -> tuple[ZonePolicy, ...]:
    """Floodgate's default zones, with this limit and room for many connections on one credential."""
    fitted = tuple(_fitted(zone, limit) for zone in default_zones())
    return (*fitted, _byte_zone(limit)) if limit.bytes_per_second else fitted


def _byte_zone(limit: Limit) -> ZonePolicy:
    permits, burst = int(limit.bytes_per_second), limit.bytes_burst
    return ZonePolicy(name=BYTE_ZONE, counted=Counted.BYTES, permits=permits, burst=burst, delay=burst)


def _fitted(zone: ZonePolicy, limit: Limit) -> ZonePolicy:
    if zone.name in LIMITED_ZONES:
        return replace(zone, permits=int(limit.messages_per_second), burst=limit.burst, delay=limit.delay)
    if zone.name == "credential_connections":
        return replace(zone, permits=SHARED_CONNECTIONS)
    return zone
