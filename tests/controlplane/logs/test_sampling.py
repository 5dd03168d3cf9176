import json
import logging
import sys

import pytest

from controlplane.logs.configuration import log_configuration
from controlplane.logs.sampling import MOST_REASONS, Sampling


def record_of(name, message, *arguments, level=logging.WARNING, exc_info=None, **extra):
    record = logging.LogRecord(name, level, __file__, 1, message, arguments, exc_info)
    record.__dict__.update(extra)
    return record


def line(record):
    """The record as it stands in a log."""
    formatter = log_configuration("INFO", None)["formatters"]["lines"]["()"]()
    return json.loads(formatter.format(record))


def foreign_host():
    try:
        int("canary.example")
    except ValueError:
        return record_of(
            "django.security.DisallowedHost",
            "Invalid HTTP_HOST header: %r",
            "canary.example",
            level=logging.ERROR,
            exc_info=sys.exc_info(),
        )


def test_a_line_of_our_own_is_written_as_often_as_it_comes():
    sampling, record = Sampling(), record_of("tenants", {"event": "control_data_reloaded"})

    assert [sampling.taken(record, 0.0) for _ in range(3)] == [record] * 3


@pytest.mark.parametrize("name", ["uvicorn.error", "daphne.server", "h11", "asyncio", "django.request"])
def test_of_a_servers_lines_one_a_second_is_written_and_tells_how_many_were_not(name):
    sampling, record = Sampling(), record_of(name, "Invalid HTTP request received.", status_code=500)

    taken = [sampling.taken(record, second) for second in (0.0, 0.1, 0.9, 1.0)]

    assert [each is not None for each in taken] == [True, False, False, True]
    assert "left_out" not in line(taken[0])
    assert line(taken[3])["left_out"] == 2


def test_each_reason_counts_for_itself():
    sampling = Sampling()

    assert sampling.taken(record_of("uvicorn.error", "one"), 0.0)
    assert sampling.taken(record_of("uvicorn.error", "other"), 0.0)


def test_our_own_lines_that_anybody_can_cause_are_sampled_with_their_fields():
    sampling, record = Sampling(), record_of("relay", {"event": "front_door_closed", "reason": "no TLS"})

    taken = [sampling.taken(record, second) for second in (0.0, 0.5, 2.0)]

    assert taken[1] is None
    assert taken[2].msg == {"event": "front_door_closed", "reason": "no TLS", "left_out": 1}


def test_a_foreign_host_is_logged_without_the_host_and_without_a_stack():
    told = line(Sampling().taken(foreign_host(), 0.0))

    assert (told["event"], told["reason"]) == ("request_suspicious", "DisallowedHost")
    assert "canary" not in json.dumps(told)
    assert "exception" not in told


def test_a_refused_request_is_logged_without_its_path():
    record = record_of("django.request", "Not Found: %s", "/canary", status_code=404)

    told = line(Sampling().taken(record, 0.0))

    assert (told["event"], told["status"], "canary" in json.dumps(told)) == ("request_refused", 404, False)


def test_an_error_of_ours_keeps_its_stack():
    record = foreign_host()
    record.name, record.status_code = "django.request", 500

    assert "ValueError" in line(Sampling().taken(record, 0.0))["exception"]


def test_a_library_that_nobody_reaches_from_outside_is_not_sampled():
    sampling, record = Sampling(), record_of("celery.worker", "Task succeeded")

    assert [sampling.taken(record, 0.0) for _ in range(2)] == [record] * 2


def test_what_is_remembered_is_bounded():
    sampling, first = Sampling(), record_of("uvicorn.error", "first")
    sampling.taken(first, 0.0)
    for number in range(MOST_REASONS):
        sampling.taken(record_of("uvicorn.error", f"reason {number}"), 0.0)

    assert sampling.taken(first, 0.0) is not None
