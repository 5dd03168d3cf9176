"""Thins out the log lines that anybody can cause from outside: one a second for each reason, and no word of theirs."""

import logging
from collections import OrderedDict
from dataclasses import dataclass

SAMPLED_EVERY_SECONDS = 1.0
MOST_REASONS = 256  # that are told apart; the one that came longest ago is forgotten
SERVERS = ("django.request", "django.security", "uvicorn", "daphne", "twisted", "h11", "asyncio")
OURS = (
    "accept_failed",
    "front_door_closed",
    "handshake_failed",
    "oauth_store_unavailable",
    "store_unavailable",
    "token_endpoint_unreachable",
)
FIRST_SERVER_ERROR = 500
FIELDS = ("left_out", "reason", "status")  # what is added to a library's line


@dataclass(slots=True)
class Reason:
    """When a line of one reason was last written, and how many were left out since."""

    written_at: float
    left_out: int = 0


class Sampling:
    """The lines of one process. All times are monotonic, in seconds."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self._reasons: OrderedDict[str, Reason] = OrderedDict()

    def taken(self, record: logging.LogRecord, now: float) -> logging.LogRecord | None:
        """The line as it shall be written, or none: another of its reason was written within a second.

        The next one that is written says in ``left_out`` how many were not.
        """
        name = _reason(record)
        if not name:
            return record
        reason = self._reasons.get(name)
        if reason is not None and now - reason.written_at < SAMPLED_EVERY_SECONDS:
            reason.left_out += 1
            return None
        left_out = reason.left_out if reason is not None else 0
        self._reasons[name] = Reason(now)
        self._reasons.move_to_end(name)
        if len(self._reasons) > MOST_REASONS:
            self._reasons.popitem(last=False)
        return _written(record, left_out)


def _reason(record: logging.LogRecord) -> str:
    """What makes lines alike; nothing where each line is of interest."""
    if isinstance(record.msg, dict):  # one of our events
        event = str(record.msg.get("event", ""))
        return event if event in OURS else ""
    if not any(record.name == server or record.name.startswith(f"{server}.") for server in SERVERS):
        return ""
    error = record.exc_info[0] if record.exc_info else None
    kind = error.__name__ if error else str(record.msg).partition("\n")[0][:80]
    return f"{record.name} {record.levelname} {kind}"


def _written(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    """A copy with the count; of a refused request without its words, which are the sender's."""
    copy = logging.makeLogRecord(record.__dict__)
    if isinstance(record.msg, dict):
        copy.msg = {**record.msg, "left_out": left_out} if left_out else record.msg
        return copy
    if left_out:
        copy.left_out = left_out
    if record.name.startswith("django.security"):
        _hide_words(copy, "request_suspicious")
        copy.reason = record.name.rpartition(".")[2]
    elif record.name == "django.request" and getattr(record, "status_code", FIRST_SERVER_ERROR) < FIRST_SERVER_ERROR:
        _hide_words(copy, "request_refused")
        copy.status = getattr(record, "status_code", 0)
    return copy


def _hide_words(record: logging.LogRecord, event: str) -> None:
    record.msg, record.args = event, ()
    record.exc_info = record.exc_text = record.stack_info = None
