"""Which of a platform connection's credentials a new connection logs in with."""

from collections.abc import Collection, Iterable

MOST_TRIED = 3  # credentials that are full, at one handshake: each try asks Redis


class CredentialsInUse:
    """How many connections use each credential, in one relay process."""

    def __init__(self) -> None:
        """Begin with none in use."""
        self._connections: dict[str, int] = {}

    def least_used(self, ids: Iterable[str], isolated: Collection[str] = ()) -> list[str]:
        """The credentials to try in turn: those with the fewest connections first, those of the same number in order.

        Args:
            ids: of all credentials.
            isolated: those that the platform refused lately. They are tried where there is no other.
        """
        order = sorted(ids, key=lambda each: (each in isolated, self._connections.get(each, 0)))
        return order[:MOST_TRIED]

    def take(self, credential_id: str) -> None:
        """Count one more connection, until ``give_back``."""
        self._connections[credential_id] = self._connections.get(credential_id, 0) + 1

    def give_back(self, credential_id: str) -> None:
        """Count one less; a credential that nobody uses leaves nothing behind."""
        self._connections[credential_id] -= 1
        if not self._connections[credential_id]:
            del self._connections[credential_id]

    def __len__(self) -> int:
        """How many credentials are in use."""
        return len(self._connections)
