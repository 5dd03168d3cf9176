"""Makes the secrets that Floodgate starts with: `python -m controlplane.generate_keys` prints them as variables."""

import secrets

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SIGNING_KEY_BITS = 2048  # RFC 9068 wants RS256; 3072 bits sign at a third of the speed


def new_secret_key() -> str:
    """A value for SECRET_KEY: 384 random bits."""
    return secrets.token_urlsafe(48)


def new_credential_key() -> str:
    """A Fernet key for FLOODGATE_CREDENTIAL_KEYS."""
    return Fernet.generate_key().decode()


def new_signing_key() -> str:
    """An RSA private key in PEM for FLOODGATE_SIGNING_KEY."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=SIGNING_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def as_variables() -> str:
    """Lines for an environment file; the key's line breaks are written as backslash and n."""
    signing_key = new_signing_key().strip().replace("\n", "\\n")
    return "\n".join(
        (
            f"SECRET_KEY={new_secret_key()}",
            f"FLOODGATE_CREDENTIAL_KEYS={new_credential_key()}",
            f"FLOODGATE_SIGNING_KEY={signing_key}",
        )
    )


if __name__ == "__main__":
    print(as_variables())  # noqa: T201 - printing is this module's purpose
