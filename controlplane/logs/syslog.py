"""The form of a syslog message (RFC 5424): a header, and the JSON line as it is everywhere else."""

import json
import logging
import re
import socket
from datetime import UTC, datetime
from logging.handlers import SysLogHandler

APP_NAME = "floodgate"
NOTHING = "-"
HOST_NAME = re.compile(r"[!-~]{1,255}")  # PRINTUSASCII
MESSAGE_ID = re.compile(r"[!-~]{1,32}")
CUT = "log_line_cut"


class SyslogFormatter(logging.Formatter):
    """Puts a header before what another formatter makes.

    That must be ASCII on one line, as JSON can be: then no byte order mark is needed, which many readers do not expect.
    """

    def __init__(self, lines: logging.Formatter, largest_bytes: int) -> None:
        """``lines`` makes JSON; with its header it has ``largest_bytes`` at the most."""
        super().__init__()
        self._lines = lines
        self._largest_bytes = largest_bytes
        self._host = _or_nothing(HOST_NAME, socket.gethostname())

    def format(self, record: logging.LogRecord) -> str:
        """A whole message."""
        priority = SysLogHandler.LOG_DAEMON << 3 | _severity(record)
        sent_at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        message_id = _or_nothing(MESSAGE_ID, _event(record))
        header = f"<{priority}>1 {sent_at} {self._host} {APP_NAME} {record.process} {message_id} {NOTHING} "
        return header + shortened(self._lines.format(record), self._largest_bytes - len(header))


def shortened(line: str, most: int) -> str:
    """The line, or JSON that shows its beginning where it has more than ``most`` characters."""
    if len(line) <= most:
        return line
    about = {"event": CUT, "line_bytes": len(line), "beginning": ""}
    room = (most - len(json.dumps(about))) // 2  # each of its characters may need a backslash
    return json.dumps(about | {"beginning": line[:room]})


def _severity(record: logging.LogRecord) -> int:
    return SysLogHandler.priority_names[SysLogHandler.priority_map.get(record.levelname, "warning")]


def _event(record: logging.LogRecord) -> str:
    """The event's name; a library's sentence is none."""
    return str(record.msg.get("event", "")) if isinstance(record.msg, dict) else ""


def _or_nothing(form: re.Pattern[str], word: str) -> str:
    return word if form.fullmatch(word) else NOTHING
