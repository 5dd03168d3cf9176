"""The file `.demo/credentials.json`: addresses, log-ins and clients. Its form is an interface that stays as it is."""

from pathlib import Path

import msgspec

from controlplane.demonstration.environment import write_for_owner


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """One OAuth client: how it logs in, where it connects, and the limit on its messages.

    A client whose bytes are limited has that limit too; the others leave both fields out.
    """

    name: str
    tenant: str
    client_id: str
    client_secret: str
    platform: str
    channel: str
    path: str
    messages_per_second: int | float
    burst: int
    delay: int
    bytes_per_second: int | float | msgspec.UnsetType = msgspec.UNSET
    bytes_burst: int | msgspec.UnsetType = msgspec.UNSET


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """All that a visitor needs. ``user`` is the administrator, ``owner_user`` owns the first client's tenant."""

    token_url: str
    relay_url: str
    operations_url: str  # of the first relay process: /livez, /readyz, /metrics
    portal_url: str
    admin_url: str
    simulator_url: str
    user: str
    password: str
    owner_user: str
    owner_password: str
    clients: list[ClientCredentials]


def load_credentials(path: Path) -> Credentials | None:
    """What a former start wrote; none where the file is missing or not to be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (OSError, msgspec.DecodeError):
        return None


def store_credentials(path: Path, credentials: Credentials) -> None:
    """Write the file, for its owner alone.

    Raises:
        OSError: the folder can't be written.
    """
    write_for_owner(path, msgspec.json.format(msgspec.json.encode(credentials)).decode())
