"""How a connection ends, for programs: the codes and their machine-readable reasons (RFC 6455, section 7.4).

4000 to 4499 mean: connect again. 4500 to 4999 mean: stop.
"""

import struct
from enum import IntEnum

LONGEST_REASON_BYTES = 123  # RFC 6455, section 5.5: 125 less the code
CLOSE_FRAME, MASKED = 0x88, 0x80
NO_MASK = bytes(4)


class CloseCode(IntEnum):
    """Why Floodgate ended a connection. What platforms and clients send passes unchanged."""

    PROTOCOL_ERROR = 1002
    MESSAGE_TOO_BIG = 1009
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    IDLE = 4408
    SLOW_READER = 4413
    RATE_LIMITED = 4429
    CONNECTION_LIMIT = 4430
    PLATFORM_LOST = 4432
    TOKEN_REVOKED = 4502
    SUSPENDED = 4503
    CHANNEL_FORBIDDEN = 4504


def close_reason(word: str, **fields: str | int) -> str:
    """Build a reason such as ``rate_limited;zone=client;retry_after_ms=1800``, cut to what a frame can hold."""
    reason = ";".join([word, *(f"{name}={value}" for name, value in fields.items())])
    return reason.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")


def close_frame(code: int, reason: str, *, masked: bool) -> bytes:
    """Write a Close frame. A client's must be masked: the mask is of zeros, which hides nothing and needs nothing."""
    payload = struct.pack("!H", code) + reason.encode()
    mask = NO_MASK if masked else b""
    return bytes([CLOSE_FRAME, (MASKED if masked else 0) | len(payload)]) + mask + payload
