import argparse
import json
import stat

import pytest

from controlplane.demonstration.environment import (
    OWN_STORE_PORT,
    Demonstration,
    kept_keys,
    port,
    replace_variables,
    variables_of,
    wanted_workers,
    wants_traffic,
)


def test_the_settings_read_the_demos_own_database_and_addresses(tmp_path):
    variables = variables_of(Demonstration(directory=tmp_path, web_port=9000, relay_port=9001), {})

    assert variables["DATABASE_URL"] == f"sqlite:///{tmp_path}/floodgate.sqlite3"
    assert variables["FLOODGATE_WEB_URL"] == "http://127.0.0.1:9000"
    assert variables["FLOODGATE_RELAY_URL"] == "ws://127.0.0.1:9001"


def test_s12_the_simulator_alone_may_be_a_platform_on_this_machine(tmp_path):
    variables = variables_of(Demonstration(directory=tmp_path), {})

    assert variables["FLOODGATE_PRIVATE_PLATFORM_HOSTS"] == "127.0.0.1"
    assert "FLOODGATE_PLATFORM_PORTS" not in variables


def test_without_a_redis_the_demo_has_one_of_its_own(tmp_path):
    variables = variables_of(Demonstration(directory=tmp_path), {})

    assert variables["REDIS_URL"] == f"redis://127.0.0.1:{variables[OWN_STORE_PORT]}/0"


def test_a_redis_that_is_named_is_used(tmp_path):
    variables = variables_of(Demonstration(directory=tmp_path), {"REDIS_URL": "redis://127.0.0.1:6379/5"})

    assert variables["REDIS_URL"] == "redis://127.0.0.1:6379/5"
    assert OWN_STORE_PORT not in variables


def test_variables_of_another_floodgate_are_taken_away_in_both_forms():
    variables = {
        "DATABASE_URL": "postgresql://elsewhere",
        "SECRET_KEY_FILE": "/run/secrets/key",
        "FLOODGATE_ALLOWED_HOSTS": "elsewhere",
        "FLOODGATE_LOG_LEVEL": "DEBUG",
        "PATH": "/bin",
    }

    replace_variables(variables, {"FLOODGATE_DEMO": "1"})

    assert variables == {"FLOODGATE_LOG_LEVEL": "DEBUG", "PATH": "/bin", "FLOODGATE_DEMO": "1"}


def test_bytecode_is_kept_so_that_a_second_start_is_quick():
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}

    replace_variables(variables, {})

    assert variables == {}


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path):
    path = tmp_path / "demo" / "keys.json"

    first = kept_keys(path)

    assert kept_keys(path) == first
    assert first.keys() == {"SECRET_KEY", "FLOODGATE_CREDENTIAL_KEYS", "FLOODGATE_SIGNING_KEY"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "[]", "no JSON"])
def test_a_damaged_file_of_keys_is_refused(tmp_path, text):
    (tmp_path / "keys.json").write_text(text)

    with pytest.raises(ValueError, match=r"."):
        kept_keys(tmp_path / "keys.json")


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("8000", 8000), ("65535", 65_535)])
def test_a_port_is_a_whole_number(text, number):
    assert port(text) == number


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "", "9" * 5000])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no port"):
        port(text)


@pytest.mark.parametrize(("word", "wanted"), [("", True), ("1", True), ("yes", True), ("0", False), ("off", False)])
def test_traffic_is_wanted_unless_it_is_switched_off(word, wanted):
    assert wants_traffic({"TRAFFIC": word}) is wanted


def test_traffic_is_wanted_where_nobody_says_anything():
    assert wants_traffic({})


@pytest.mark.parametrize(("word", "wanted"), [("", 1), ("1", 1), ("4", 4), ("64", 64)])
def test_there_is_one_relay_process_unless_more_are_wanted(word, wanted):
    assert wanted_workers({"DEMO_WORKERS": word}) == wanted


@pytest.mark.parametrize("word", ["0", "65", "-1", "1.5", "many", "²", "9" * 5000])
def test_what_is_no_number_of_relay_processes_is_refused(word):
    with pytest.raises(ValueError, match=f"DEMO_WORKERS is '{word}', but must be a whole number from 1 to 64"):
        wanted_workers({"DEMO_WORKERS": word})


def test_a_single_relay_process_answers_operations_on_a_port_of_its_own(tmp_path):
    assert Demonstration(directory=tmp_path, operations_port=9011).operations_urls == ["http://127.0.0.1:9011"]


def test_several_relay_processes_answer_for_themselves_on_one_port_after_the_other(tmp_path):
    demonstration = Demonstration(directory=tmp_path, workers=2, operations_port=9011)

    assert demonstration.operations_urls == ["http://127.0.0.1:9011", "http://127.0.0.1:9012"]


def test_keys_of_the_file_reach_the_settings_as_text(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"SECRET_KEY": 5}))

    assert kept_keys(tmp_path / "keys.json") == {"SECRET_KEY": "5"}
