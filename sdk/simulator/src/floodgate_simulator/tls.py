"""TLS from a certificate and its key."""

import ssl
from pathlib import Path


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """A TLS context for listening; None without a certificate: listen in the clear.

    Raises:
        OSError: a file cannot be read, or the two do not belong together (``ssl.SSLError``).
    """
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
