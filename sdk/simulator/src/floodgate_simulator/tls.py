"""TLS from a certificate and its key."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A TLS context for listening.

    Raises:
        OSError: a file cannot be read, or the two do not belong together (``ssl.SSLError``).
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
