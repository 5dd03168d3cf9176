"""The name of every key in Redis. Keys of one tenant share a hash tag, so that Redis Cluster keeps them together."""


def clients(tenant_id: str) -> str:
    """Hash: a client's id to its ClientRecord as JSON. Without an end: rebuilt from the database."""
    return f"{{{tenant_id}}}:clients"


def revoked_tokens(tenant_id: str) -> str:
    """Sorted set: ids of revoked tokens, scored by when they can be forgotten (Unix seconds). Ends with the last."""
    return f"{{{tenant_id}}}:revoked_tokens"


def announcements() -> str:
    """Stream: ids of tenants whose control data changed, trimmed to the last few thousand."""
    return "floodgate:announcements"


def telemetry() -> str:
    """Stream: one record a second and worker, trimmed by length."""
    return "floodgate:telemetry"


def workers() -> str:
    """Hash: a relay process to what it last said of itself. Entries carry their own time."""
    return "floodgate:workers"
