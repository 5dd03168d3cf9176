"""The platform as a database of Floodgate's is told of it. Beside ours.py, which may not load Django."""

import msgspec


class Platform(msgspec.Struct, frozen=True):
    """Where the echo listens, plain and with TLS, where it gives tokens, and who signed its certificate (PEM)."""

    plain_port: int
    tls_port: int
    token_port: int
    authority: str
