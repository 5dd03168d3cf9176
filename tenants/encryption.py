"""Platform credentials at rest: encrypted with the first of the keys, readable with any of them."""

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

UNREADABLE = "No key in FLOODGATE_CREDENTIAL_KEYS opens this credential. Add that key, or enter the credential anew."


class CredentialUnreadable(Exception):
    """A stored credential that no key in FLOODGATE_CREDENTIAL_KEYS opens, or that is damaged."""


class PlatformCredential(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What Floodgate shows a platform to log in. CXone's password grant needs the access key besides."""

    client_id: str
    client_secret: str
    access_key_id: str = ""
    access_key_secret: str = ""

    def __repr__(self) -> str:
        """Never show a secret, not even in a traceback."""
        return f"PlatformCredential(client_id={self.client_id!r})"


def encrypt_credential(credential: PlatformCredential) -> str:
    """The credential as it may be stored, in the database and in Redis."""
    return _keys().encrypt(msgspec.json.encode(credential)).decode()


def decrypt_credential(encrypted: str) -> PlatformCredential:
    """The credential of an encrypted one.

    Raises:
        CredentialUnreadable: no key opens it, or it is damaged.
    """
    try:
        return msgspec.json.decode(_keys().decrypt(encrypted), type=PlatformCredential)
    except (InvalidToken, msgspec.DecodeError) as error:
        raise CredentialUnreadable(UNREADABLE) from error


def encrypt_anew(encrypted: str) -> str:
    """The same credential under the first key, so that a former key can be taken away.

    Raises:
        CredentialUnreadable: no key opens it.
    """
    try:
        return _keys().rotate(encrypted).decode()
    except InvalidToken as error:
        raise CredentialUnreadable(UNREADABLE) from error


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])
