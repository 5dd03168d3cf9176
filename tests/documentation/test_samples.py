import os
import subprocess
import sys

import pytest
from django.core.management import call_command

from controlplane.environment import parse_verification_keys
from tenants.models.clients import OAuthClient
from tenants.models.platform_connections import GENESYS_REGIONS
from tenants.models.tenants import Tenant
from tests.documentation.samples import PROJECT, is_as_told, sample, samples
from tests.tenants.factories import ClientFactory

HOW_TO = "docs/how-to"
PAGES = ["README.md", *(str(page.relative_to(PROJECT)) for page in sorted((PROJECT / "docs").rglob("*.md")))]
RUN = {  # here, and by tests/controlplane/demonstration/test_supervisor.py against a running demo
    "python shell",
    "python connect",
    "python hello",
    "python flood",
    "javascript connect",
    "javascript hello",
}
DECISIONS = [f"docs/decisions/{name}.md" for name in ("0002-waiting-is-asking-again", "0006-token-expiry-leeway")]


@pytest.fixture
def order_events(acme):
    """The client that the pages speak of."""
    return ClientFactory.create(tenant=acme, name="order-events")


@pytest.fixture
def entered(transactional_db, redis, root, order_events, capsys):
    """Enters the shell samples of a page one after the other; gives what they printed, and what the page tells."""

    def enter(page):
        shown = [sample for sample in samples(f"{HOW_TO}/{page}.md") if sample.words == "python shell"]
        call_command("shell", command="".join(sample.code for sample in shown), verbosity=0)
        return capsys.readouterr().out, "".join(sample.printed for sample in shown)

    return enter


@pytest.mark.parametrize(
    "page",
    ["add-a-platform-connection", "change-a-limit-without-fear", "give-a-client-its-own-limits", "revoke-a-client"],
)
def test_what_is_entered_in_the_shell_prints_what_the_page_tells(page, entered):
    printed, told = entered(page)

    assert told
    assert is_as_told(told, printed), printed


@pytest.mark.parametrize(("domain", "region"), GENESYS_REGIONS)
def test_the_page_tells_which_region_a_domain_is(domain, region):
    assert f"| `{domain}` | {region} |" in (PROJECT / HOW_TO / "add-a-platform-connection.md").read_text()


def test_adding_a_platform_connection_leaves_a_channel_and_a_client_that_may_use_it(entered):
    entered("add-a-platform-connection")

    initech = Tenant.objects.get(slug="initech")
    assert {row.name: row.credential_state for row in initech.platform_connections.all()} == {
        "Genesys production": "Stored, encrypted",
        "CXone production": "Stored, encrypted",
    }
    assert [channel.name for channel in initech.clients.get(name="crm-sync").channels.all()] == ["crm"]


def test_giving_a_client_its_own_limits_ends_with_the_first_ones_in_force(entered, order_events):
    entered("give-a-client-its-own-limits")

    version = OAuthClient.objects.get(pk=order_events.pk).throttle_policy.versions.published().get()
    zones = {zone.name: zone for zone in version.zone_policies()}
    assert (version.number, zones["client"].permits, zones["client"].burst, zones["client"].delay) == (3, 40, 8, 4)
    assert len(zones) == 6


def test_revoking_a_client_ends_with_another_secret_and_no_token(entered, order_events):
    entered("revoke-a-client")

    client = OAuthClient.objects.get(pk=order_events.pk)
    assert client.is_active
    assert client.client_secret != order_events.client_secret
    assert client.tokens_valid_from > order_events.tokens_valid_from


def test_changing_the_signing_key_makes_the_next_public_key_known_beside_the_present_one(tmp_path):
    page = f"{HOW_TO}/change-the-signing-key.md"
    script = sample(page, "sh make").replace("python ", f"PYTHONPATH={PROJECT} {sys.executable} ")
    for each in (script, "mv next_verification_key verification_keys", script, sample(page, "sh announce")):
        subprocess.run(["bash", "-euo", "pipefail", "-c", each], cwd=tmp_path, check=True)

    keys = parse_verification_keys((tmp_path / "verification_keys").read_text(encoding="ascii"))
    assert len(set(keys)) == 2
    assert keys[-1].strip() == (tmp_path / "next_verification_key").read_text(encoding="ascii").strip()


@pytest.mark.parametrize("page", DECISIONS)
def test_a_decision_prints_what_it_tells(page):
    [shown] = [sample for sample in samples(page) if sample.words == "python"]

    program = [sys.executable, "-c", shown.code]
    ended = subprocess.run(program, cwd=PROJECT, env=_with_the_project(), capture_output=True, text=True, check=True)

    assert ended.stdout == shown.printed != ""


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("docs/decisions/")])
def test_every_program_on_a_page_is_one_that_tests_run(page):
    programs = [sample.words for sample in samples(page) if sample.words.startswith(("python", "javascript"))]

    assert set(programs) <= RUN


def _with_the_project():
    return {**os.environ, "PYTHONPATH": str(PROJECT)}
