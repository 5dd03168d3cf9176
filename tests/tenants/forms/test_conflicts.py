"""Two tabs on one form: the later one neither undoes the other's changes unseen, nor loses its own."""

import threading
from dataclasses import replace as with_changes

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection

from tenants.actions.changes import as_text
from tenants.actions.channels import change_channel
from tenants.actions.policies import set_zones
from tenants.admin.pages import ActionPages
from tenants.forms.conflicts import NOT_SAID
from tests.tenants.admin.test_versions import form as form_of_version
from tests.tenants.factories import ChannelFactory, PolicyFactory

pytestmark = pytest.mark.django_db
CHANGEABLE = sorted(
    str(pages.opts.model_name)
    for pages in (admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model))
    if isinstance(pages, ActionPages) and pages.may_change
)


def values_on(answer):
    """What a page's form would post, as it stands."""
    form = answer.context["adminform"].form
    values = {}
    for name in form.fields:
        value = form[name].value()
        if isinstance(value, bool):
            values |= {name: "on"} if value else {}
        elif isinstance(value, list):
            values[name] = [getattr(row, "pk", row) for row in value]
        else:
            values[name] = "" if value is None else value
    return values


def another_text(form):
    """A field of text that any form has, and another value for it."""
    [name, *_] = [name for name in ("note", "email", "slug", "role", "name") if name in form.fields]
    values = {"note": "Theirs", "email": "theirs@example.org", "slug": "theirs", "role": "operator", "name": "theirs"}
    return name, values[name]


def differences_on(answer):
    """What the page says that somebody else changed."""
    return [(one.label, one.before, one.theirs, one.yours) for one in answer.context["adminform"].form.differences]


def zones_of(row):
    """The part of a version's form that its zones are."""
    return form_of_version(row, {}) if hasattr(row, "zones") else {}


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_what_somebody_else_stored_meanwhile_is_shown_and_not_undone(kind, pages, rows, address):
    row = rows[kind]
    opened = pages.get(address(row))
    name, theirs = another_text(opened.context["adminform"].form)
    before, stale = as_text(row, name), zones_of(row) | values_on(opened)
    type(row).objects.filter(pk=row.pk).update(**{name: theirs})

    answer = pages.post(address(row), stale)

    row.refresh_from_db()
    assert getattr(row, name) == theirs
    assert [(was, now) for _, was, now, _ in differences_on(answer)] == [(before, theirs)]
    assert "What somebody else changed" in answer.content.decode()
    assert answer.context["adminform"].form[name].value() == theirs  # as its user had changed nothing there


def test_who_has_seen_what_differs_may_store_theirs_over_it(pages, acme, address):
    channel = ChannelFactory.create(tenant=acme, name="chat", platform_channel="before")
    stale = values_on(pages.get(address(channel))) | {"platform_channel": "mine", "priority": 0}
    change_channel(channel, {"platform_channel": "theirs", "priority": 2}, acting_user=None)

    answer = pages.post(address(channel), stale)
    assert differences_on(answer) == [
        ("Platform channel", "before", "theirs", "mine"),
        ("Priority", "normal", "low", "high"),
    ]
    pages.post(address(channel), values_on(answer))

    channel.refresh_from_db()
    assert (channel.platform_channel, channel.priority) == ("mine", 0)


def test_what_each_of_two_changed_is_kept(pages, acme, address):
    channel = ChannelFactory.create(tenant=acme, name="chat", platform_channel="before")
    stale = values_on(pages.get(address(channel))) | {"priority": 0}
    change_channel(channel, {"platform_channel": "theirs"}, acting_user=None)

    pages.post(address(channel), values_on(pages.post(address(channel), stale)))

    channel.refresh_from_db()
    assert (channel.platform_channel, channel.priority) == ("theirs", 0)


def test_whoever_changed_it_alike_is_no_conflict(pages, acme, address):
    channel = ChannelFactory.create(tenant=acme, name="chat", platform_channel="before")
    stale = values_on(pages.get(address(channel))) | {"platform_channel": "same"}
    change_channel(channel, {"platform_channel": "same"}, acting_user=None)

    assert pages.post(address(channel), stale).status_code == 302


def test_a_policy_that_somebody_chose_and_a_channel_that_was_ticked_are_named(pages, acme, rows, address):
    client, policy = rows["oauthclient"], PolicyFactory.create(tenant=acme, name="Tight")
    stale = values_on(pages.get(address(client))) | {"name": "mine"}
    client.throttle_policy = policy
    client.save()
    client.channels.add(ChannelFactory.create(tenant=acme, name="more"))

    answer = pages.post(address(client), stale)

    channels = as_text(client, "channels")
    assert [one[:3] for one in differences_on(answer)] == [
        ("Channels", channels.replace(", more", ""), channels),
        ("Throttle policy", "", "Tight"),
    ]
    pages.post(address(client), values_on(answer))
    client.refresh_from_db()
    assert (client.name, client.throttle_policy, as_text(client, "channels")) == ("mine", policy, channels)


def test_zones_that_somebody_else_stored_are_shown_and_not_undone(pages, rows, address, root):
    draft = rows["policyversion"]
    stale = form_of_version(draft, {"permits": 50}) | pages.hidden_in(address(draft))
    [zone] = draft.zone_policies()
    faster = zone.permits * 2
    set_zones(draft, [with_changes(zone, permits=faster)], acting_user=root)

    answer = pages.post(address(draft), stale)

    assert draft.zones.get().permits == faster
    [(label, before, theirs, _)] = differences_on(answer)
    assert (label, before == theirs, str(faster) in theirs) == ("Zone client", False, True)
    seen = {"made_from": answer.context["adminform"].form["made_from"].value()}
    pages.post(address(draft), form_of_version(draft, {"permits": 50}) | seen)
    assert draft.zones.get().permits == 50


@pytest.mark.parametrize("made_from", ["", "no JSON", "[]"])
def test_a_form_that_does_not_say_what_it_was_made_from_stores_nothing(made_from, pages, acme, address):
    answer = pages.post(address(acme), {"name": "Other", "slug": acme.slug, "made_from": made_from})

    assert "Open the page again" in answer.content.decode()
    acme.refresh_from_db()
    assert acme.name != "Other"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_asked(pages, acme, address):
    channel = ChannelFactory.create(tenant=acme, name="chat", platform_channel="before")
    opened, answers = values_on(pages.get(address(channel))), []

    def save(name):
        answers.append(pages.post(address(channel), opened | {"platform_channel": name}).status_code)
        connection.close()

    savers = [threading.Thread(target=save, args=(name,)) for name in ("one", "other")]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()

    assert sorted(answers) == [200, 302]


@pytest.mark.parametrize("made_from", ["[" * 100_000, "1", "nothing", '"\\ud800"', '{"name": ' * 10_000])
def test_a_form_that_says_nonsense_of_what_it_was_made_from_stores_nothing(pages, rows, address, made_from):
    channel = rows["channel"]

    answer = pages.post(address(channel), {**values_on(pages.get(address(channel))), "made_from": made_from})

    assert NOT_SAID in answer.content.decode()


@pytest.mark.parametrize("count", ["9" * 5_000, "-1", "", "x", "\N{SUPERSCRIPT TWO}", "1001"])
def test_a_number_of_zones_that_is_none_or_too_large_is_refused_in_words(pages, rows, address, count):
    draft = rows["policyversion"]
    values = {**form_of_version(draft), **values_on(pages.get(address(draft))), "zones-TOTAL_FORMS": count}

    assert pages.post(address(draft), values).status_code == 200
