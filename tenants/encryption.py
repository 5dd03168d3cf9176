"""Platform credentials at rest: encrypted with the first of the keys, readable with any of them.

Each is bound to the hosts that it was entered for. Fernet has no associated data, so they stand inside what is
encrypted: somebody who can change an address, but has no key, can't have the credential sent there.
"""

from typing import TypeAlias

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from relay.platforms.addresses import AddressRefused
from relay.platforms.binding import origins

UNREADABLE = "No key in FLOODGATE_CREDENTIAL_KEYS opens this credential. Add that key, or enter the credential anew."
LeadsTo: TypeAlias = tuple[str, str]  # a token URL and a template of socket URLs
LONGEST_PART = 1000  # characters: it goes into every client's record


class CredentialUnusable(Exception):
    """A stored credential can't be sent; the message says why, and what to do."""


class CredentialUnreadable(CredentialUnusable):
    """A stored credential that no key in FLOODGATE_CREDENTIAL_KEYS opens, or that is damaged."""


class CredentialBoundElsewhere(CredentialUnusable):
    """A stored credential that was entered for other hosts than those where it would be sent now."""


class CredentialSecret(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """What Floodgate shows a platform to log in. CXone's password grant needs the access key besides."""

    client_id: str
    client_secret: str
    access_key_id: str = ""
    access_key_secret: str = ""

    def __repr__(self) -> str:
        """Never show a secret, not even in a traceback."""
        return f"CredentialSecret(client_id={self.client_id!r})"


class _Sealed(CredentialSecret, frozen=True, kw_only=True):
    """What is encrypted. Without hosts, from before credentials were bound, it goes nowhere."""

    bound_to: tuple[str, ...] = ()


def encrypt_credential(credential: CredentialSecret, leads_to: LeadsTo) -> str:
    """The credential as it may be stored, in the database and in Redis, bound to the hosts of two addresses.

    Raises:
        CredentialUnusable: it is longer than any platform's, or ``leads_to`` has no address.
    """
    parts = msgspec.structs.asdict(credential)
    if any(len(part) > LONGEST_PART for part in parts.values()):
        raise CredentialUnusable(f"No part of a credential is longer than {LONGEST_PART:,} characters.")
    sealed = _Sealed(**parts, bound_to=_origins(leads_to))
    return _keys().encrypt(msgspec.json.encode(sealed)).decode()


def decrypt_credential(encrypted: str, leads_to: LeadsTo) -> CredentialSecret:
    """The credential, for the hosts of two addresses and nobody else.

    Raises:
        CredentialUnreadable: no key opens it, or it is damaged.
        CredentialBoundElsewhere: it was entered for other hosts.
        CredentialUnusable: there is none, or ``leads_to`` has no address.
    """
    if not encrypted:
        raise CredentialUnusable("The platform connection has no credential. Enter it.")
    sealed = _opened(encrypted)
    foreign = sorted(set(_origins(leads_to)) - set(sealed.bound_to))
    if foreign:
        entered_for = " and ".join(sealed.bound_to) or "no host"
        raise CredentialBoundElsewhere(
            f"The credential was entered for {entered_for}, not for {' and '.join(foreign)}. Enter it anew."
        )
    parts = msgspec.structs.asdict(sealed)
    del parts["bound_to"]
    return CredentialSecret(**parts)


def is_under_first_key(encrypted: str) -> bool:
    """Tell whether the first key alone opens it, so that the others are not needed."""
    try:
        Fernet(settings.CREDENTIAL_KEYS[0]).decrypt(encrypted)
    except InvalidToken:
        return False
    return True


def encrypt_anew(encrypted: str) -> str:
    """The same credential, bound to the same hosts, under the first key, so that a former key can be taken away.

    Raises:
        CredentialUnreadable: no key opens it.
    """
    try:
        return _keys().rotate(encrypted).decode()
    except InvalidToken as error:
        raise CredentialUnreadable(UNREADABLE) from error


def _origins(leads_to: LeadsTo) -> tuple[str, str]:
    try:
        return origins(*leads_to)
    except AddressRefused as refused:
        raise CredentialUnusable(f"The platform connection leads to no address. {refused}") from refused


def _opened(encrypted: str) -> _Sealed:
    try:
        return msgspec.json.decode(_keys().decrypt(encrypted), type=_Sealed)
    except (InvalidToken, msgspec.DecodeError, RecursionError) as error:
        raise CredentialUnreadable(UNREADABLE) from error


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])
