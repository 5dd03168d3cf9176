"""The fast hash of generated secrets. People's passwords never come here: theirs is slow on purpose."""

import hashlib
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher
from django.utils.crypto import constant_time_compare


class GeneratedSecretHasher(BasePasswordHasher):
    """Salted SHA-256, right only for secrets of 256 random bits: nothing can be guessed, so nothing must be slow.

    PBKDF2 took the token endpoint down to 2 requests a second, a flood hole of its own.
    """

    algorithm = "generated_sha256"

    def encode(self, password: str, salt: str) -> str:
        """The hash as it is stored: algorithm, salt and digest."""
        digest = hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
        return f"{self.algorithm}${salt}${digest}"

    def decode(self, encoded: str) -> dict[str, str]:
        """The parts of a stored hash."""
        algorithm, salt, digest = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        """Compare in constant time."""
        return constant_time_compare(encoded, self.encode(password, self.decode(encoded)["salt"]))

    def safe_summary(self, encoded: str) -> dict[Any, Any]:  # Django's keys may be lazy texts
        """What may be shown of a stored hash."""
        return {"algorithm": self.decode(encoded)["algorithm"]}

    def must_update(self, encoded: str) -> bool:  # noqa: ARG002 - Django's signature
        """Never: the salt has 128 bits and the secret 256."""
        return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing to harden: one round is all there is."""
