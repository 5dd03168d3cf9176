import json
import logging
import os
import re
import socket
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.logs.configuration import log_configuration
from controlplane.logs.sinks import SyslogAddress
from controlplane.logs.syslog import shortened

HEADER = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) - (\{.*)", re.ASCII)
SEVERITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2, "TRACE": 4}
DAEMON = 3 * 8


@pytest.fixture
def written():
    """The header's fields and the JSON of one record."""
    address = SyslogAddress("udp", "logs.example", 514)
    formatter = log_configuration("INFO", address)["formatters"]["lines"]["()"]()

    def written(message, level="INFO"):
        number = logging.getLevelNamesMapping().get(level, 5)
        record = logging.LogRecord("relay.gateway", number, "", 1, message, (), None)
        record.levelname = level
        if isinstance(message, dict):  # structlog marks its own
            record.__dict__ |= {"_logger": None, "_name": level.lower()}
        message = formatter.format(record)
        assert len(message) <= 8_192
        *fields, line = HEADER.fullmatch(message).groups()
        return fields, json.loads(line)

    return written


def test_a_message_has_the_header_of_rfc_5424_and_the_same_json_as_everywhere(written):
    (priority, sent_at, host, app_name, process_id, message_id), line = written({"event": "drain_began", "sockets": 3})

    assert (priority, host, app_name, process_id, message_id) == (
        str(DAEMON + 6),
        socket.gethostname(),
        "floodgate",
        str(os.getpid()),
        "drain_began",
    )
    assert datetime.fromisoformat(sent_at).utcoffset().total_seconds() == 0
    assert (line["event"], line["sockets"]) == ("drain_began", 3)


@pytest.mark.parametrize(("level", "severity"), SEVERITIES.items())
def test_the_priority_tells_the_level(written, level, severity):
    [priority, *_], _ = written("a sentence", level)

    assert int(priority) == DAEMON + severity


@pytest.mark.parametrize("message", ["Not Found: /x", {"event": "two words"}, {"event": "x" * 33}, {"event": "é"}, {}])
def test_what_is_no_word_is_no_message_id(written, message):
    [*_, message_id], _ = written(message)

    assert message_id == "-"


@pytest.mark.parametrize("text", ["two\nlines", "a\r\n<14>1 - - - - - - forged", "nül\0", "日本 🚰", "\ud800"])
def test_a_text_of_any_kind_is_one_line_of_ascii(written, text):
    _, line = written({"event": "x", "text": text})

    assert line["text"] == text


@pytest.mark.parametrize("character", ["x", '"', "\\", "é"])
def test_a_line_that_is_too_long_is_cut_and_stays_json(written, character):
    fields, line = written({"event": "drain_began", "text": character * 100_000})

    assert (fields[-1], line["event"]) == ("drain_began", "log_line_cut")
    assert line["line_bytes"] > 100_000
    assert character.encode("ascii", "backslashreplace")[:1].decode() in line["beginning"]


@given(text=st.text(alphabet='"\\x', min_size=101), most=st.integers(100, 300))
def test_what_was_cut_fits(text, most):
    assert len(shortened(text, most)) <= most
