"""The values that both platforms' modules speak in: what to ask for, and what an answer means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """An HTTP request for a platform's token: form-encoded, POST. Never logged: it holds the credential."""

    url: str
    form: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlatformToken:
    """A platform's access token and how long it lives from now."""

    value: str = field(repr=False)
    life_seconds: float


class CredentialIncomplete(ValueError):
    """A credential lacks something that the platform asks for; the message names it."""


class TokenAnswerUnusable(ValueError):
    """A token endpoint answered with something that is no token; the message says what was missing."""


class Refusal(StrEnum):
    """What a platform's refusal of a handshake means to us."""

    CREDENTIAL = "credential"  # our token is wrong, has ended or was revoked
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    NOT_SENT = "not_sent"  # ours: the credential is missing, unreadable, or was entered for other hosts
    OTHER = "other"


def refusal_of(status: int) -> Refusal:
    """Sort an HTTP status of a refused handshake or token request."""
    if status in (401, 403):
        return Refusal.CREDENTIAL
    if status == 429:  # noqa: PLR2004
        return Refusal.THROTTLED
    return Refusal.UNAVAILABLE if status in (502, 503, 504) else Refusal.OTHER


def required(credential: Mapping[str, str], name: str) -> str:
    """One part of a credential.

    Raises:
        CredentialIncomplete: it is not there, or empty.
    """
    value = credential.get(name, "")
    if not value:
        raise CredentialIncomplete(f"the platform connection's credential lacks {name}")
    return value
