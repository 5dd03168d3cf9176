import pytest
from django.urls import reverse

from relay.store import keys
from relay.store.pool import blocking
from tenants.models.tenants import Tenant
from tests.tenants.factories import ChannelFactory, ClientFactory, PlatformConnectionFactory, PolicyFactory

pytestmark = pytest.mark.django_db


def test_a_tenant_is_founded_by_the_action(pages, audit_entries):
    pages.post(reverse("admin:tenants_tenant_add"), {"name": "Acme", "slug": "acme"})

    assert Tenant.objects.get().is_active
    assert len(audit_entries("tenant_created")) == 1


def test_suspending_and_resuming_say_what_was_done(told, acme, address):
    assert told(address(acme, "suspend")) == ["Acme is suspended."]
    assert told(address(acme, "resume")) == ["Acme is active again."]


def test_another_tenants_policy_is_neither_offered_nor_taken(pages, acme, umbrella, address):
    theirs = PolicyFactory.create(tenant=umbrella, name="Theirs")
    assert "Theirs" not in pages.get(address(acme)).content.decode()

    answer = pages.post(address(acme), {"name": "Acme", "slug": "acme", "throttle_policy": theirs.pk})

    assert "throttle_policy" in answer.context["adminform"].form.errors


def test_a_tenant_is_never_deleted(pages, acme, address):
    assert pages.post(address(acme, "delete"), {"post": "yes"}).status_code == 403


def test_a_name_that_is_taken_is_refused_at_its_field(pages, acme):
    answer = pages.post(reverse("admin:tenants_tenant_add"), {"name": "Acme", "slug": "other"})

    assert "name" in answer.context["adminform"].form.errors


def test_a_page_tells_what_shared_limits_admitted_of_what_they_allow(redis, pages, acme, address):
    assert "Nothing flowed through a shared limit" in pages.get(address(acme)).content.decode()
    blocking().hset(keys.gauges(str(acme.pk)), f"tenant/{acme.pk}/p1/all", "1000 4000 1500 2000 1700000000")

    page = pages.get(address(acme)).content.decode()

    assert '<td data-label="Zone">all</td><td data-label="Whose">tenant Acme</td>' in page
    assert "1,500 of 1,000" in page
    assert "150 % overshoot" in page


def test_shared_limits_are_told_by_the_names_of_those_who_have_them(redis, pages, acme, address):
    theirs = PlatformConnectionFactory.create(tenant=acme, name="Genesys")
    channel = ChannelFactory.create(tenant=acme, name="orders", platform_connection=theirs)
    client = ClientFactory.create(tenant=acme, name="crm-sync")
    scopes = {
        "client": client.client_id,
        "channel": channel.pk,
        "credential": theirs.credentials.get().pk,
        "platform_connection": "gone",
    }
    for scope, scope_id in scopes.items():
        blocking().hset(keys.gauges(str(acme.pk)), f"{scope}/{scope_id}/p1/all", "100 400 50 200 1700000000")

    page = pages.get(address(acme)).content.decode()

    for whose in ("client crm-sync", "channel orders", "credential Genesys, Main", "platform connection gone"):
        assert f">{whose}</td>" in page
