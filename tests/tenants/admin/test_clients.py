import pytest
from django.contrib.auth.hashers import check_password
from django.urls import reverse

from tenants.models.clients import OAuthClient
from tests.tenants.factories import SECRET, ChannelFactory, ClientFactory, PolicyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(acme):
    return ClientFactory.create(tenant=acme, name="Bridge", scopes="a")


def form(**values):
    return {"name": "Bridge", "scopes": "a", "token_life_seconds": 600, "weight": 1, **values}


def secret_on(answer):
    return answer.context["issued"].secret


def test_a_new_client_shows_its_secret_once_and_nobody_may_keep_the_page(pages, acme):
    answer = pages.post(reverse("admin:tenants_oauthclient_add"), form(tenant=acme.pk))

    client = OAuthClient.objects.get()
    assert secret_on(answer) in answer.content.decode()
    assert check_password(secret_on(answer), client.client_secret, preferred="generated_sha256")
    assert "no-store" in answer["Cache-Control"]


def test_no_later_page_shows_the_secret_or_its_hash(pages, acme, address):
    secret = secret_on(pages.post(reverse("admin:tenants_oauthclient_add"), form(tenant=acme.pk)))
    client = OAuthClient.objects.get()

    page = pages.get(address(client)).content.decode()

    assert secret not in page
    assert client.client_secret not in page
    assert f"ends in {secret[-4:]}" in page


def test_rotating_shows_another_secret(pages, row, address):
    answer = pages.post(address(row, "rotate-secret"))

    row.refresh_from_db()
    assert check_password(secret_on(answer), row.client_secret, preferred="generated_sha256")
    assert not check_password(SECRET, row.client_secret, preferred="generated_sha256")


def test_disabling_and_enabling_say_what_was_done(row, told, address):
    assert told(address(row, "disable")) == ["Bridge is disabled."]
    assert told(address(row, "enable")) == ["Bridge is active again."]

    row.refresh_from_db()
    assert row.is_active


def test_only_the_button_that_changes_something_is_there(pages, row, address):
    page = pages.get(address(row)).content.decode()

    assert address(row, "disable") in page
    assert address(row, "enable") not in page


def test_revoking_tokens_is_logged(row, told, address, audit_entries):
    told(address(row, "revoke-tokens"))

    assert len(audit_entries("client_tokens_revoked")) == 1


def test_a_change_goes_through_the_action(pages, row, root, address, audit_entries):
    channel = ChannelFactory.create(tenant=row.tenant, name="chat")

    pages.post(address(row), form(channels=[channel.pk], scopes="a b"))

    [entry] = audit_entries("client_changed")
    assert entry.changes == {"channels": ["", "chat"], "scopes": ["a", "a b"]}
    assert entry.actor == root


def test_only_the_tenants_own_channels_and_policies_are_offered(pages, row, acme, umbrella, address):
    ChannelFactory.create(tenant=acme, name="ours")
    ChannelFactory.create(tenant=umbrella, name="theirs")
    PolicyFactory.create(tenant=umbrella, name="Their policy")

    page = pages.get(address(row)).content.decode()

    assert "ours" in page
    assert "theirs" not in page
    assert "Their policy" not in page


def test_another_tenants_channel_is_refused_at_its_field(pages, row, umbrella, address):
    answer = pages.post(address(row), form(channels=[ChannelFactory.create(tenant=umbrella).pk]))

    assert "channels" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("seconds", [59, 172_801, "x", ""])
def test_a_life_of_tokens_that_makes_no_sense_is_refused_at_its_field(seconds, pages, row, address):
    answer = pages.post(address(row), form(token_life_seconds=seconds))

    assert "token_life_seconds" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("weight", [0, 101, -1, "x", ""])
def test_a_weight_that_makes_no_sense_is_refused_at_its_field(weight, pages, row, address):
    answer = pages.post(address(row), form(weight=weight))

    assert "weight" in answer.context["adminform"].form.errors


def test_the_page_says_in_words_what_limits_the_client(pages, row, address):
    page = pages.get(address(row)).content.decode()

    assert "By Floodgate&#x27;s defaults" in page
    assert "100 messages a second for each client, 20 ahead, of which 10 at once, then wait" in page


def test_deleting_asks_and_is_logged(pages, row, address, audit_entries):
    assert pages.get(address(row, "delete")).status_code == 200
    assert OAuthClient.objects.exists()

    pages.post(address(row, "delete"), {"post": "yes"})

    assert not OAuthClient.objects.exists()
    assert len(audit_entries("client_deleted")) == 1


def test_what_the_form_does_not_show_cannot_be_posted(pages, row, umbrella, address):
    before = row.client_secret

    pages.post(address(row), form(tenant=umbrella.pk, client_secret="x", is_active="", client_id="x", user=""))

    row.refresh_from_db()
    assert row.tenant.slug == "acme"
    assert (row.client_secret, row.is_active) == (before, True)
