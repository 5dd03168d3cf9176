import json
import logging

import pytest

from controlplane.logs.configuration import REDACTED, log_configuration, redact_secrets


@pytest.fixture
def line():
    """What one record looks like on stdout."""
    formatter = log_configuration("INFO", None)["formatters"]["lines"]["()"]()
    return lambda record: json.loads(formatter.format(record))


def test_a_line_is_one_json_object_with_its_time(line):
    record = logging.LogRecord("django.request", logging.WARNING, "", 1, "Not Found: %s", ("/x",), None)

    written = line(record)

    assert written["event"] == "Not Found: /x"
    assert written["level"] == "warning"
    assert written["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", ["client_secret", "access_token", "Authorization", "password", "cookie"])
def test_a_field_whose_name_promises_a_secret_is_redacted(name):
    assert redact_secrets(None, "info", {"event": "x", name: "canary"}) == {"event": "x", name: REDACTED}


def test_the_events_own_name_is_never_redacted():
    assert redact_secrets(None, "info", {"event": "token_revoked"}) == {"event": "token_revoked"}
