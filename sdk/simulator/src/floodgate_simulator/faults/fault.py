"""One fault to order: what it may say, and which kinds fit which targets. When it strikes is schedule.py's affair."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["status", "revoke", "close", "hang", "slow_read", "refuse"]
Target = Literal["token", "handshake", "message", "api"]

ALLOWED_TARGETS: Mapping[Kind, tuple[Target | None, ...]] = {
    "status": ("token", "handshake", "message", "api"),
    "revoke": (None, "token", "handshake", "message", "api"),
    "close": (None, "handshake", "message"),
    "hang": ("token", "handshake", "message", "api"),
    "slow_read": (None, "message"),
    "refuse": ("token", "handshake", "api"),
}
# "The next such event" is one event; everything else holds until it is deleted.
KINDS_THAT_STRIKE_ONCE: tuple[Kind, ...] = ("revoke", "close")
ABORT = 1006
NO_CODE = 1005
LONGEST_REASON_BYTES = 123
STATUSES = range(200, 600)
CODES = {*range(1000, 1004), *range(1005, 1015), *range(3000, 5000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What shall go wrong.

    Raises:
        ValueError: a value is not allowed; the text says which ones are.
    """

    kind: Kind
    target: Target | None = None
    status: int = 429
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    code: int = 1008
    reason: str | None = None
    seconds: float | None = None
    count: int | None = None
    credential: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be made to happen."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind is {self.kind!r}, but must be one of: {_listed(get_args(Kind))}.")
        allowed = ALLOWED_TARGETS[self.kind]
        if self.target not in allowed:
            raise ValueError(f"target of {self.kind} is {self.target!r}, but must be one of: {_listed(allowed)}.")
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status}, but must lie between 200 and 599.")
        if self.code not in CODES:
            raise ValueError(
                f"code is {self.code}, but must be 1000-1003, 1005-1014 or 3000-4999 (1006 resets the TCP connection)."
            )
        if len((self.reason or "").encode()) > LONGEST_REASON_BYTES:
            raise ValueError(f"reason is longer than {LONGEST_REASON_BYTES} bytes, the most that a close frame holds.")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError(f"seconds is {self.seconds}, but must be 0 or more.")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count is {self.count}, but must be 1 or more; leave it out for the default.")

    @property
    def strikes(self) -> int | None:
        """How many events it strikes; None: all until it is deleted or has expired."""
        if self.count is None and self.kind in KINDS_THAT_STRIKE_ONCE:
            return 1
        return self.count

    @property
    def life_seconds(self) -> float | None:
        """How long it lasts; None: until deleted. Where ``seconds`` means a pause, it says nothing about that."""
        is_pause = self.kind == "slow_read" or (self.kind == "hang" and self.target != "message")
        return None if is_pause else self.seconds

    @property
    def close_reason(self) -> str:
        """What a close frame of this fault says."""
        if self.reason is not None:
            return self.reason
        return "token revoked" if self.kind == "revoke" else ""

    @property
    def body_bytes(self) -> bytes:
        """The body as it is sent: text as it is, anything else as JSON."""
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def as_json(self) -> dict[str, object]:
        """The fault as it was ordered."""
        return {name: getattr(self, name) for name in self.__slots__} | {"headers": dict(self.headers)}


def _listed(choices: tuple[object, ...]) -> str:
    return ", ".join("none" if choice is None else str(choice) for choice in choices)
