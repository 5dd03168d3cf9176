import io
import json

import pytest
from django.core.management import call_command

from tests.controlplane.simulation.written import write_policy, write_trace

BURST = [{"at": 0.0, "client": client, "bytes": 10} for client in ("crm", "crm", "billing") for _ in range(3)]


@pytest.fixture
def files(tmp_path):
    return write_policy(tmp_path / "policy.yaml"), write_trace(tmp_path / "trace.jsonl.gz", BURST)


def _run(policy, trace, *options):
    out, err = io.StringIO(), io.StringIO()
    call_command("simulate", policy, "--trace", trace, *options, stdout=out, stderr=err)
    return out.getvalue()


def _refusal(*arguments):
    err = io.StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("simulate", *arguments, stderr=err)
    return exited.value.code, err.getvalue()


def test_it_tells_what_passed_and_what_waited(files):
    text = _run(*files)

    assert "9 events" in text
    assert "client (" in text


def test_json_is_one_object(files):
    told = json.loads(_run(*files, "--json"))

    assert told["events"] == 9
    assert told["clients"]["billing"]["passed"] + told["clients"]["billing"]["waited"] == 3
    assert told["clients"]["crm"]["wait_seconds"]["max"] == pytest.approx(0.1, abs=0.02)


def test_events_are_written_one_a_line(files, tmp_path):
    _run(*files, "--events", str(tmp_path / "events"))

    lines = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert len(lines) == 9
    assert lines[0] == {
        "at": 0.0, "client": "crm", "connection": "1", "channel": "channel", "bytes": 10, "kind": "message",
        "direction": "to_platform", "result": "passed", "wait_seconds": 0.0, "policy": None, "zone": None,
    }  # fmt: skip
    assert lines[-1]["zone"] == "client"


def test_events_are_printed_and_the_report_goes_to_standard_error(files, capfdbinary):
    call_command("simulate", files[0], "--trace", files[1], "--events", "-")

    out, err = capfdbinary.readouterr()
    assert len([json.loads(line) for line in out.splitlines()]) == 9
    assert b"9 events" in err


def test_a_further_policy_holds_as_well(files, tmp_path):
    strict = write_policy(tmp_path / "tenant.json", '{"zones": [{"name": "tenant", "permits": 1, "scope": "tenant"}]}')

    told = json.loads(_run(*files, "--policy", strict, "--json"))

    assert [zone["zone"] for zone in told["zones"]] == ["client", "tenant"]
    assert told["kinds"]["message"]["wait_seconds"]["max"] == pytest.approx(8, abs=0.1)


def test_wrong_policies_end_it_with_2_and_a_line_for_every_fault(files, tmp_path):
    wrong = write_policy(tmp_path / "wrong.yaml", "zones: [{name: A, permits: 0}]")

    code, told = _refusal(wrong, "--trace", files[1])

    assert (code, len(told.splitlines())) == (2, 2)


@pytest.mark.parametrize("options", [["--trace", "none.jsonl"], ["--trace", "{trace}", "--events", "none/events"]])
def test_files_that_can_not_be_opened_end_it_with_2(files, options):
    code, told = _refusal(files[0], *(option.format(trace=files[1]) for option in options))

    assert (code, "No such file or directory" in told) == (2, True)


def _refused_of_four_connections(tmp_path, *options):
    cap = "{name: each, scope: credential, counted: open_connections, permits: 2, beyond: reject}"
    trace = [{"at": float(number), "connection": number, "kind": "handshake"} for number in range(4)]
    files = write_policy(tmp_path / "cap.yaml", f"zones: [{cap}]"), write_trace(tmp_path / "four.jsonl", trace)
    return json.loads(_run(*files, "--json", *options))["clients"]["client"]["refused"]


def test_c2_several_credentials_share_the_connections_of_a_trace(tmp_path):
    assert _refused_of_four_connections(tmp_path) == 2
    assert _refused_of_four_connections(tmp_path, "--credentials", "2") == 0


@pytest.mark.parametrize("number", ["0", "-1", "101"])
def test_c2_a_number_of_credentials_that_cannot_be_is_refused(number, files):
    status, complaint = _refusal(files[0], "--trace", files[1], "--credentials", number)

    assert (status, complaint) == (2, f"--credentials is {number}, but must lie between 1 and 100.\n")
