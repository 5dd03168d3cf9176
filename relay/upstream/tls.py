"""How platforms' certificates are checked: always, against the system's authorities or one that was given."""

import ssl
from functools import lru_cache

from django.conf import settings


@lru_cache(maxsize=256)  # building one reads every authority of the system: 10 ms and more
def tls_context(ca_certificate: str) -> ssl.SSLContext:
    """A context that trusts ``ca_certificate`` (PEM) alone, or the system's authorities where it is empty.

    FLOODGATE_PLATFORM_CA_FILE is trusted besides in both cases.

    Raises:
        ssl.SSLError: the text is no certificate.
    """
    context = ssl.create_default_context(cadata=ca_certificate or None)
    if settings.PLATFORM_CA_FILE:
        context.load_verify_locations(cafile=settings.PLATFORM_CA_FILE)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
