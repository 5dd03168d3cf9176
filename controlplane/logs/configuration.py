"""How this process writes logs: one JSON object a line, to stdout or syslog. What is logged is decided elsewhere."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from controlplane.logs.sampling import FIELDS
from controlplane.logs.sinks import SyslogAddress
from controlplane.logs.syslog import SyslogFormatter

SECRET_WORDS = ("secret", "token", "password", "authorization", "credential", "cookie")
# Access lines hold the query string, and the sockets' library tells whole handshakes: secrets could stand there.
TOO_OPEN = ("daphne.http_protocol", "django.server", "websockets")
REDACTED = "[redacted]"


def redact_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Last filter: a field whose name promises a secret never shows its value."""
    for name in event:
        if name != "event" and any(word in name.lower() for word in SECRET_WORDS):
            event[name] = REDACTED
    return event


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact_secrets,
]


def log_configuration(level: str, syslog: SyslogAddress | None) -> dict[str, object]:
    """Set up structlog, and give what Django's LOGGING wants, so that libraries' lines look like ours.

    Args:
        level: the least that is logged.
        syslog: the server that lines go to; none: they go to stdout.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    writer = {"class": "controlplane.logs.writer.LineWriter", "formatter": "lines", "address": syslog}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": lambda: _formatter(syslog)}},
        "handlers": {"lines": writer},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": {name: {"level": "WARNING"} for name in TOO_OPEN},
    }


def _formatter(syslog: SyslogAddress | None) -> logging.Formatter:
    json_lines = structlog.stdlib.ProcessorFormatter(
        processor=structlog.processors.JSONRenderer(),
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=FIELDS), *_SHARED],
    )
    return SyslogFormatter(json_lines, syslog.largest_bytes) if syslog else json_lines
