"""How platforms' certificates are checked: always, against the system's authorities or one that was given."""

import ssl
from functools import lru_cache

from django.conf import settings

from relay.platforms.pem import pem_blocks


class CertificateUnusable(Exception):
    """What was given as an authority's certificate is none."""


@lru_cache(maxsize=256)  # building one reads every authority of the system: 10 ms and more
def tls_context(ca_certificate: str) -> ssl.SSLContext:
    """A context that trusts ``ca_certificate`` (PEM) alone, or the system's authorities where it is empty.

    FLOODGATE_PLATFORM_CA_FILE is trusted besides in both cases. Every Python checks the same: from 3.13 on it would
    refuse authorities that RFC 5280 asks to say more of themselves than many private ones do.

    Raises:
        CertificateUnusable: the text, or the file, is no certificate.
    """
    try:
        context = ssl.create_default_context(cadata="\n".join(pem_blocks(ca_certificate)) if ca_certificate else None)
    except (ValueError, TypeError, ssl.SSLError) as error:
        raise CertificateUnusable("the platform connection's CA certificate is no PEM certificate") from error
    try:
        if settings.PLATFORM_CA_FILE:
            context.load_verify_locations(cafile=settings.PLATFORM_CA_FILE)
    except OSError as error:  # SSLError is one too
        raise CertificateUnusable(f"FLOODGATE_PLATFORM_CA_FILE can't be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context
