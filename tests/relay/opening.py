"""A client's opening handshake as bytes; imports nothing, so that programs that only send load start quickly."""


def upgrade_request(path: str, headers: str = "") -> bytes:
    """A WebSocket handshake; ``headers`` are whole lines."""
    fixed = (
        "Host: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    return f"GET {path} HTTP/1.1\r\n{fixed}Sec-WebSocket-Version: 13\r\n{headers}\r\n".encode("latin-1")
