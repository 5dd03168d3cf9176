"""docker-compose.yml against what the code needs. Docker itself is not asked: it need not be installed."""

import ast
import re
import subprocess
import sys
import tomllib

import django.core.management as django_management
import pytest
import yaml
from django.conf import settings
from django.core.management import find_commands

from relay.gateway.server import END_SECONDS
from tests.architecture.sources import ROOT, modules, parsed, strings

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if service["image"].startswith("floodgate:")}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IMAGES = set(re.findall(r"^(?:FROM|    image:) (\S+)", f"{TEXT}\n{DOCKERFILE}", re.MULTILINE))
SECRET_WORDS = ("PASSWORD", "SECRET", "_KEY", "DATABASE_URL", "REDIS_URL")


def test_the_processes_of_the_design_are_there():
    assert set(SERVICES) == {"migrate", "web", "relay", "worker", "beat", "postgres", "valkey"}


@pytest.mark.parametrize("service", OWN.values(), ids=OWN)
def test_every_setting_that_is_required_is_given(service):
    given = {name.removesuffix("_FILE") for name in service["environment"]}

    assert _required_variables() - given == set()
    assert given & {"FLOODGATE_SIGNING_KEY", "FLOODGATE_VERIFICATION_KEYS"}


@pytest.mark.parametrize("service", OWN.values(), ids=OWN)
def test_every_setting_that_is_given_exists(service):
    assert {name.removesuffix("_FILE") for name in service["environment"]} - _known_variables() == set()


def test_only_web_can_sign_tokens():
    assert [name for name, service in SERVICES.items() if "signing_key" in service.get("secrets", [])] == ["web"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_secrets_are_files_that_are_mounted(service):
    environment = service.get("environment", {})

    for name, value in environment.items():
        assert name.endswith("_FILE") or not any(word in name for word in SECRET_WORDS), f"{name} is readable by all"
        if name.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


def test_no_variable_has_a_default():
    assert set(re.findall(r"\$\{(\w+):\?", TEXT)) == set(re.findall(r"\$\{(\w+)", TEXT))


def test_the_example_asks_for_every_variable():
    asked = set(re.findall(r"^(\w+)=$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))

    assert asked == set(re.findall(r"\$\{(\w+)", TEXT))


@pytest.mark.parametrize("service", OWN.values(), ids=OWN)
def test_every_command_exists(service):
    match service["command"]:
        case ["python", "manage.py", command, *_]:
            own = {path.stem for path in (ROOT / "controlplane/management/commands").glob("*.py")}
            assert command in {*own, *find_commands(django_management.__path__[0])}
        case ["celery", *arguments]:
            target = next(argument for argument in arguments if argument.startswith("controlplane."))
            module, _, name = target.partition(":")
            assert name in _assigned_names(module)
        case unknown:
            pytest.fail(f"Don't know how to look up {unknown}")


@pytest.mark.parametrize(("name", "port"), [("web", "8000"), ("relay", "8001")])
def test_the_ports_are_those_of_the_demo_and_only_for_this_host(name, port):
    command = SERVICES[name]["command"]

    assert command[command.index("--port") + 1] == port
    assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert "EXPOSE 8000 8001" in DOCKERFILE


@pytest.mark.parametrize(("name", "module"), [("web", "controlplane.asgi"), ("relay", "relay.gateway.http")])
def test_health_is_asked_where_it_is_answered(name, module):
    asked = re.search(r"http://127\.0\.0\.1:(\d+)/(\w+)", " ".join(SERVICES[name]["healthcheck"]["test"]))

    assert asked[1] == SERVICES[name]["ports"][0].rpartition(":")[2]
    assert asked[2] == "livez"  # a store that is away must not have them taken for dead
    assert asked[2] in {text.strip("/") for text, _ in strings(parsed(modules()[module]))}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_service_is_watched_restarted_and_held_small(service):
    is_once = service["restart"].startswith("on-failure")

    assert "healthcheck" in service or is_once
    assert service["restart"] == "unless-stopped" or is_once
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("service", OWN.values(), ids=OWN)
def test_our_processes_are_not_root_and_may_drain(service):
    assert service["user"] == "10001:10001"
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.DRAIN_SECONDS + END_SECONDS
    assert "USER 10001:10001" in DOCKERFILE


def test_the_stores_cannot_be_reached_from_outside():
    assert COMPOSE["networks"]["stores"]["internal"] is True
    for name in ("postgres", "valkey"):
        assert SERVICES[name]["networks"] == ["stores"]
        assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("image", sorted(IMAGES))
def test_images_are_pinned_to_a_release(image):
    assert re.fullmatch(r"[\w/]+:\d+\.\d+(\.\d+)?(-[\w-]+)?", image)


def test_the_image_is_named_after_the_release():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {service["image"] for service in OWN.values()} == {f"floodgate:{project['version']}"}


def test_the_page_makes_every_secret_in_a_form_that_the_settings_take(tmp_path):
    page = (ROOT / "docs" / "deployment" / "docker-compose.md").read_text(encoding="utf-8")
    script = re.search(r"^```sh secrets\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    script = script.replace("docker run --rm floodgate:0.1.0 python", f"PYTHONPATH={ROOT} {sys.executable}")

    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    files = {f"./{path.relative_to(tmp_path)}" for path in (tmp_path / "secrets").iterdir()}
    variables = {
        name: value.replace("/run/secrets", str(tmp_path / "secrets")).replace("${WEB_HOST}", "web.example")
        for name, value in SERVICES["web"]["environment"].items()
        if "?" not in value
    }
    command = [sys.executable, "-c", "import controlplane.settings"]
    loaded = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)

    assert files == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert loaded.returncode == 0, loaded.stderr


def _settings_calls():
    for node in ast.walk(parsed(modules()["controlplane.settings"])):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.") and node.args:
            yield node


def _known_variables():
    return {node.args[0].value for node in _settings_calls() if isinstance(node.args[0], ast.Constant)}


def _required_variables():
    required = {
        node.args[0].value for node in _settings_calls() if any(keyword.arg == "required" for keyword in node.keywords)
    }
    assert required, "controlplane/settings.py requires nothing: has its form changed?"
    return required


def _assigned_names(module):
    for statement in parsed(modules()[module]).body:
        match statement:
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                yield name
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield name
            case _:
                continue
