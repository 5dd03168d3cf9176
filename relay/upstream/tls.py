"""How platforms' certificates are checked: always, against the system's authorities or one that was given."""

import ssl
from functools import lru_cache

from django.conf import settings


class CertificateUnusable(Exception):
    """What was given as an authority's certificate is none."""


@lru_cache(maxsize=256)  # building one reads every authority of the system: 10 ms and more
def tls_context(ca_certificate: str) -> ssl.SSLContext:
    """A context that trusts ``ca_certificate`` (PEM) alone, or the system's authorities where it is empty.

    FLOODGATE_PLATFORM_CA_FILE is trusted besides in both cases.

    Raises:
        CertificateUnusable: the text, or the file, is no certificate.
    """
    try:
        context = ssl.create_default_context(cadata=ca_certificate or None)
    except (ValueError, TypeError, ssl.SSLError) as error:
        raise CertificateUnusable("the platform connection's CA certificate is no PEM certificate") from error
    try:
        if settings.PLATFORM_CA_FILE:
            context.load_verify_locations(cafile=settings.PLATFORM_CA_FILE)
    except OSError as error:  # SSLError is one too
        raise CertificateUnusable(f"FLOODGATE_PLATFORM_CA_FILE can't be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
