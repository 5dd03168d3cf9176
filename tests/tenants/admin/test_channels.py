import pytest
from django.urls import reverse

from tenants.models.channels import Channel
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory, PolicyFactory

pytestmark = pytest.mark.django_db


def form(connection, **values):
    return {"name": "chat", "platform_connection": connection.pk, "maps_to": "guide_socket", "priority": 1, **values}


def test_a_channel_is_made_by_the_action(pages, acme, audit_entries):
    connection = PlatformConnectionFactory.create(tenant=acme)

    pages.post(reverse("admin:tenants_channel_add"), form(connection, tenant=acme.pk))

    assert Channel.objects.get().name == "chat"
    assert len(audit_entries("channel_created")) == 1


@pytest.mark.parametrize("field", ["platform_connection", "throttle_policy"])
def test_what_belongs_to_another_tenant_is_refused_at_its_field(field, pages, acme, umbrella):
    connection = PlatformConnectionFactory.create(tenant=acme)
    theirs = {"platform_connection": PlatformConnectionFactory, "throttle_policy": PolicyFactory}[field]

    values = form(connection, tenant=acme.pk, **{field: theirs.create(tenant=umbrella).pk})
    answer = pages.post(reverse("admin:tenants_channel_add"), values)

    assert "another tenant" in str(answer.context["adminform"].form.errors[field])


def test_while_no_tenant_is_chosen_each_choice_says_whose_it_is(pages, acme):
    PlatformConnectionFactory.create(tenant=acme, name="Genesys")

    assert "Acme: Genesys" in pages.get(reverse("admin:tenants_channel_add")).content.decode()


def test_a_change_and_a_deletion_are_logged(pages, acme, address, audit_entries):
    channel = ChannelFactory.create(tenant=acme, name="chat")

    pages.post(address(channel), form(channel.platform_connection, scope="webchat:send", ends="on"))
    pages.post(address(channel, "delete"), {"post": "yes"})

    assert audit_entries("channel_changed")[0].changes == {"scope": ["", "webchat:send"]}
    assert audit_entries("channel_deleted")[0].changes == {"name": ["chat", ""]}


def test_a_priority_is_chosen_and_logged_by_its_word(pages, acme, address, audit_entries):
    channel = ChannelFactory.create(tenant=acme, name="chat")

    pages.post(address(channel), form(channel.platform_connection, priority=0))

    assert audit_entries("channel_changed")[0].changes == {"priority": ["normal", "high"]}


@pytest.mark.parametrize("priority", ["3", "-1", "high", ""])
def test_a_priority_that_is_none_is_refused_at_its_field(priority, pages, acme, address):
    channel = ChannelFactory.create(tenant=acme)

    answer = pages.post(address(channel), form(channel.platform_connection, priority=priority))

    assert "priority" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("name", ["", "Chat", "a b", "a" * 65])
def test_a_name_that_fits_no_address_is_refused_at_its_field(name, pages, acme):
    connection = PlatformConnectionFactory.create(tenant=acme)

    answer = pages.post(reverse("admin:tenants_channel_add"), form(connection, tenant=acme.pk, name=name))

    assert "name" in answer.context["adminform"].form.errors
