import os
import subprocess
import sys
from ast import literal_eval

import pytest

from controlplane.generate_keys import as_variables
from tests.architecture.sources import ROOT
from tests.controlplane.logs.syslog_server import SyslogServer

PRODUCTION = {
    **dict(line.split("=", 1) for line in as_variables().splitlines()),
    "DATABASE_URL": "postgresql://floodgate:secret@db.example/floodgate",
    "FLOODGATE_WEB_URL": "https://floodgate.example",
    "FLOODGATE_RELAY_URL": "wss://relay.floodgate.example",
    "FLOODGATE_TRUSTED_PROXIES": "10.0.0.0/8",
}


def manage(*arguments, **variables):
    """Run manage.py as an operator would, with nothing else in the environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env={**inherited, **variables}, capture_output=True, text=True, check=False)


def setting(name, **variables):
    code = f"from django.conf import settings; print(repr(settings.{name}))"
    return manage("shell", "--no-imports", "--command", code, **variables).stdout.strip()


def test_an_empty_environment_stops_the_start_and_names_all_that_is_missing():
    result = manage("check")

    assert result.returncode == 2
    names = ("SECRET_KEY", "FLOODGATE_CREDENTIAL_KEYS", "FLOODGATE_SIGNING_KEY", "DATABASE_URL")
    assert all(name in result.stderr for name in names)
    assert "Traceback" not in result.stderr


def test_a_wrong_value_is_told_by_name_and_never_shown():
    names = ("FLOODGATE_CREDENTIAL_KEYS", "REDIS_URL", "FLOODGATE_LOG_SINK")
    result = manage("check", **{**PRODUCTION, **dict.fromkeys(names, "canary")})

    assert result.returncode == 2
    assert all(f"{name} is not usable" in result.stderr for name in names)
    assert "canary" not in result.stderr


def test_s32_djangos_own_deployment_checks_find_nothing():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert result.returncode == 0, result.stderr


def test_the_demo_needs_no_variable_but_its_own():
    assert manage("check", FLOODGATE_DEMO="1").returncode == 0


def test_log_lines_go_to_syslog_where_that_is_set(tmp_path):
    server = SyslogServer("unix", tmp_path)
    code = "import structlog; structlog.get_logger('relay').warning('drain_began')"

    with server.running():
        done = manage(
            "shell", "--no-imports", "--command", code, **PRODUCTION, FLOODGATE_LOG_SINK=f"unix://{tmp_path}/log"
        )

        assert " drain_began - {" in server.message()
    assert "drain_began" not in done.stdout


def test_a_relay_starts_with_the_public_key_alone():
    variables = {**PRODUCTION, "FLOODGATE_SIGNING_KEY": ""}
    [public] = literal_eval(setting("VERIFICATION_KEYS", **PRODUCTION))

    assert manage("check", **variables, FLOODGATE_VERIFICATION_KEYS=public).returncode == 0


def test_stack_traces_are_never_on_by_default():
    assert setting("DEBUG", **PRODUCTION) == "False"


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CHANNEL_LAYER_URL"])
def test_one_redis_serves_all_unless_told_otherwise(name):
    given = {**PRODUCTION, "REDIS_URL": "redis://redis.example:6379/3"}

    assert setting("REDIS_URL", **given) in setting(name.replace("CHANNEL_LAYER_URL", "CHANNEL_LAYERS"), **given)


def test_beside_a_cluster_celery_and_channels_need_a_single_redis():
    given = {**PRODUCTION, "REDIS_URL": "redis+cluster://redis.example:6379"}
    single = dict.fromkeys(("CELERY_BROKER_URL", "CHANNEL_LAYER_URL"), "redis://jobs.example:6379")
    result = manage("check", **given)

    assert result.returncode == 2
    assert all(f"{name} is not set" in result.stderr for name in single)
    assert setting("REDIS_URL", **given, **single) == repr(given["REDIS_URL"])


def test_only_the_hosts_of_this_installation_are_answered():
    assert "floodgate.example" in setting("ALLOWED_HOSTS", **PRODUCTION)
    assert setting("ALLOWED_HOSTS", **PRODUCTION, FLOODGATE_ALLOWED_HOSTS="a.example,b.example") == (
        "['a.example', 'b.example']"
    )


def test_s12_platforms_are_public_with_tls_on_port_443_unless_told_otherwise():
    assert setting("PLATFORM_ADDRESSES", **PRODUCTION) == "AddressRules(ports=(443,), private_hosts=())"


def test_s12_what_widens_the_addresses_of_platforms_must_make_sense():
    result = manage("check", **PRODUCTION, FLOODGATE_PLATFORM_PORTS="any", FLOODGATE_PRIVATE_PLATFORM_HOSTS="*")

    assert result.returncode == 2
    assert "FLOODGATE_PLATFORM_PORTS is not usable" in result.stderr
    assert "FLOODGATE_PRIVATE_PLATFORM_HOSTS is not usable" in result.stderr
