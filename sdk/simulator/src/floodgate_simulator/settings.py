"""What one simulator is started with: every option of the command line, checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIB = 1024 * 1024
SMALLEST_MESSAGE_LIMIT_BYTES = 16 * MIB

LimitScope = Literal["connection", "credential"]
OverLimit = Literal["close", "answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a simulator listens and what it allows.

    Raises:
        ValueError: two values do not fit together, or one is out of range; the text says which and why.
    """

    host: str = "127.0.0.1"
    port: int = 8100  # 0: any free one
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    raw_echo_port: int | None = None  # 0: any free one
    seed: int | None = None
    connections_per_token: int = 10
    messages_per_second: float = 0  # 0: no limit
    burst: int = 0
    limit_by: LimitScope = "connection"
    over_limit: OverLimit = "close"
    api_requests_per_minute: int = 300  # Genesys' token.rate.per.minute; 0: no limit
    retry_after_seconds: int = 1
    max_message_bytes: int = 64 * MIB
    receive_buffer_bytes: int = 0  # 0: the kernel's default
    compression: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS needs both a certificate and a key: give both, or neither.")
        if self.max_message_bytes < SMALLEST_MESSAGE_LIMIT_BYTES:
            raise ValueError(
                f"max_message_bytes is {self.max_message_bytes}, but must be {SMALLEST_MESSAGE_LIMIT_BYTES} or more.",
            )
        for name in ("connections_per_token", "retry_after_seconds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be 1 or more.")
        for name in ("messages_per_second", "burst", "api_requests_per_minute", "receive_buffer_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be 0 or more.")
