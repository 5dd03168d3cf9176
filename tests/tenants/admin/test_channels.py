import pytest
from django.urls import reverse

from tenants.models.channels import Channel
from tests.tenants.admin.answers import YES
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory, PolicyFactory

pytestmark = pytest.mark.django_db


def form(connection, **values):
    return {"name": "chat", "platform_connection": connection.pk, "maps_to": "guide_socket", "priority": 1, **values}


def test_a_channel_is_made_by_the_action(pages, acme, audit_entries):
    connection = PlatformConnectionFactory.create(tenant=acme)

    pages.post(reverse("admin:tenants_channel_add"), form(connection, tenant=acme.pk))

    assert Channel.objects.get().name == "chat"
    assert len(audit_entries("channel_created")) == 1


def test_a_new_channel_belongs_to_the_tenant_of_its_platform_connection(pages, acme, umbrella):
    connection = PlatformConnectionFactory.create(tenant=umbrella)

    pages.post(reverse("admin:tenants_channel_add"), form(connection, tenant=acme.pk))

    assert Channel.objects.get().tenant == umbrella


def test_a_name_that_is_taken_is_told_in_the_form_which_keeps_what_was_entered(pages, acme):
    channel = ChannelFactory.create(tenant=acme, name="chat")

    answer = pages.post(reverse("admin:tenants_channel_add"), form(channel.platform_connection, platform_channel="x"))

    assert "already exists" in str(answer.context["adminform"].form.errors)
    assert answer.context["adminform"].form["platform_channel"].value() == "x"


@pytest.mark.parametrize("field", ["platform_connection", "throttle_policy"])
def test_only_what_belongs_to_the_channels_tenant_can_be_chosen(field, pages, acme, umbrella, address):
    channel = ChannelFactory.create(tenant=acme)
    theirs = {"platform_connection": PlatformConnectionFactory, "throttle_policy": PolicyFactory}[field]
    other = theirs.create(tenant=umbrella)

    offered = pages.get(address(channel)).context["adminform"].form.fields[field].queryset

    assert other not in offered


def test_while_no_tenant_is_chosen_each_choice_says_whose_it_is(pages, acme):
    PlatformConnectionFactory.create(tenant=acme, name="Genesys")

    assert "Acme: Genesys" in pages.get(reverse("admin:tenants_channel_add")).content.decode()


def test_a_change_and_a_deletion_are_logged(pages, acme, address, audit_entries):
    channel = ChannelFactory.create(tenant=acme, name="chat")

    pages.post(address(channel), form(channel.platform_connection, scope="webchat:send", **YES))
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
