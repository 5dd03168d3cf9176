"""Compares people's passwords, behind the zones of log-ins. Every way to log in with a password comes through here."""

from functools import lru_cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from controlplane.log_in.attempts import LogInAttempts
from relay.protocol.forwarded import client_address, subscriber
from tenants.models.members import User

LONGEST_ACCOUNT = 150  # characters: no name is longer


class LimitedBackend(ModelBackend):
    """Django's own comparison, of one hash whether or not there is such an account."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - Django's signature
    ) -> User | None:
        """The person with this name and password, or nobody.

        Raises:
            LogInRefused: it was tried too often, or too many log in at once.
        """
        if username is None or password is None:
            return None
        account, asking = username[:LONGEST_ACCOUNT], asking_subscriber(request)
        with log_in_attempts().admitted(account, asking):
            person = super().authenticate(request, username, password, **kwargs)
        if person is not None:
            log_in_attempts().succeeded(account, asking)
        return person

    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - Django's signature
    ) -> User | None:
        """The same for those on a loop; Django's own would compare without a turn."""
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)


def asking_subscriber(request: HttpRequest | None) -> str:
    """Who asks, as limits by address count: told by a trusted proxy's headers, where there is one."""
    meta = request.META if request else {}
    forwarded_for, forwarded = (
        [meta[name]] if name in meta else [] for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED")
    )
    return subscriber(client_address(meta.get("REMOTE_ADDR", ""), forwarded_for, forwarded, settings.TRUSTED_PROXIES))


@lru_cache(maxsize=1)
def log_in_attempts() -> LogInAttempts:
    """Those of this process."""
    return LogInAttempts()
