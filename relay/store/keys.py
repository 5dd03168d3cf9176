"""The name of every key in Redis. Keys of one tenant share a hash tag, so that Redis Cluster keeps them together."""

from relay.throttle.zones import ZoneKey


def clients(tenant_id: str) -> str:
    """Hash: a client's id to its ClientRecord as JSON. Without an end: rebuilt from the database."""
    return f"{{{tenant_id}}}:clients"


def revoked_tokens(tenant_id: str) -> str:
    """Sorted set: ids of revoked tokens, scored by when they can be forgotten (Unix seconds). Ends with the last."""
    return f"{{{tenant_id}}}:revoked_tokens"


def store_clock(tenant_id: str) -> str:
    """Hash: the clock of a tenant's shared limits, and the generation of its data. Ends a day after its last use."""
    return f"{{{tenant_id}}}:store_clock"


def zone(tenant_id: str, key: ZoneKey) -> str:
    """Hash: one shared zone, with its theoretical arrival in microseconds. Ends when it has long been at rest."""
    return f"{{{tenant_id}}}:zone:{'/'.join(key)}"


def zone_shares(tenant_id: str, key: ZoneKey) -> str:
    """Hash: a client's part of a shared zone, as "priority weight client", to what it took. Ends with the zone."""
    return f"{{{tenant_id}}}:zone_shares:{'/'.join(key)}"


def gauge(tenant_id: str, key: ZoneKey) -> str:
    """Hash: a second (Unix) to how many permits of one zone were spent in it. Ends when nobody tells any more."""
    return f"{{{tenant_id}}}:gauge:{'/'.join(key)}"


def gauges(tenant_id: str) -> str:
    """Hash: each shared zone in use to what it allows and what was admitted lately. Ends with the last."""
    return f"{{{tenant_id}}}:gauges"


def cap(tenant_id: str, key: ZoneKey) -> str:
    """Hash: a relay process's name to how many connections it holds under one cap. Ends a day after the last change."""
    return f"{{{tenant_id}}}:cap:{'/'.join(key)}"


def open_connections(tenant_id: str, worker: str) -> str:
    """String: what one relay process holds open, by channel and client, as JSON. Ends minutes after its last word."""
    return f"{{{tenant_id}}}:open_connections:{worker}"


def announced(tenant_id: str) -> str:
    """Hash: a policy's id to its version in force and the announcement that brought it. Ends a day after the last."""
    return f"{{{tenant_id}}}:announced"


def receipts(tenant_id: str) -> str:
    """Hash: a relay process to what it enforces of a tenant, as JSON. Ends a day after the last word of any."""
    return f"{{{tenant_id}}}:receipts"


def announcements() -> str:
    """Stream: ids of tenants whose control data changed, trimmed to the last few thousand."""
    return "floodgate:announcements"


def refusals() -> str:
    """Hash: a credential's id to when and why a platform refused it last. Ends a day after the last refusal."""
    return "floodgate:refusals"


def telemetry() -> str:
    """Stream: one record a second and worker, trimmed by length."""
    return "floodgate:telemetry"


def workers() -> str:
    """Sorted set: relay processes, scored by until when they count as alive (its clock's time)."""
    return "floodgate:{workers}"


def workers_clock() -> str:
    """Hash: the clock by which relay processes are alive, and its generation. Ends a day after the last word of any."""
    return "floodgate:{workers}:clock"
