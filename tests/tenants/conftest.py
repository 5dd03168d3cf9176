import time

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from relay.store import keys
from relay.store.pool import blocking
from relay.store.receipts import CONFIRM, KEPT_MS
from relay.store.workers import ALIVE_SECONDS
from tenants.actions.policies import publish_version
from tests.tenants.factories import (
    ChannelFactory,
    ClientFactory,
    DraftFactory,
    MemberFactory,
    PlatformConnectionFactory,
    ZoneFactory,
)

BEFORE_ALL = "0-0"


@pytest.fixture
def audit_entries():
    """The audit log in order, or of it one kind of event."""

    def read(event=None):
        entries = LogEntry.objects.order_by("pk")
        return [entry for entry in entries if event in (None, entry.additional_data["event"])]

    return read


@pytest.fixture
def alive(redis):
    """Makes relay processes that say they are alive."""

    def make(*names, seconds_ago=0.0):
        until = time.time() - seconds_ago + ALIVE_SECONDS
        blocking().zadd(keys.workers(), dict.fromkeys(names, until * 1_000_000))

    return make


@pytest.fixture
def confirm(redis):
    """Has a relay process say that it applied all announcements; ``held`` is the version to which it holds clients."""

    def say(version, worker, *, began_after=BEFORE_ALL, held=None):
        tenant_id = str(version.policy.tenant_id)
        [(entry_id, _)] = blocking().xrevrange(keys.announcements(), count=1)
        words = [worker, entry_id, began_after, KEPT_MS, *([str(version.policy_id), held] if held else [])]
        CONFIRM.run_in_thread([keys.receipts(tenant_id), keys.announced(tenant_id)], words)

    return say


class Browser(Client):
    """Sends what a form's page has filled in unseen, as browsers do."""

    def post(self, path, data=None, *arguments, **options):
        values = dict(data or {})
        if path.endswith("/change/") and "made_from" not in values:
            values.update(self.hidden_in(path))
        return super().post(path, values, *arguments, **options)

    def hidden_in(self, path):
        """The fields of a row's page that people do not see."""
        form = getattr(self.get(path).context, "get", {}.get)("adminform")
        return {"made_from": form.form["made_from"].value()} if form else {}


@pytest.fixture
def pages(root, redis):
    """A browser in which root is logged in."""
    browser = Browser()
    browser.force_login(root)
    return browser


@pytest.fixture
def rows(acme, root):
    """One row of each kind, with what belongs to it."""
    channel = ChannelFactory.create(tenant=acme)
    oauth_client = ClientFactory.create(tenant=acme)
    oauth_client.channels.add(channel)
    zone = ZoneFactory.create(version=DraftFactory.create(policy__tenant=acme, number=1))
    published = publish_version(zone.version, acting_user=root)
    draft = ZoneFactory.create(version=DraftFactory.create(policy=published.policy, number=2)).version
    account = PlatformConnectionFactory.create(tenant=acme)
    return {
        "tenant": acme,
        "member": MemberFactory.create(tenant=acme),
        "user": root,
        "platformconnection": account,
        "platformcredential": account.credentials.get(),
        "channel": channel,
        "oauthclient": oauth_client,
        "throttlepolicy": published.policy,
        "policyversion": draft,
    }


@pytest.fixture
def address():
    """Where a page of a row is: `address(row)`, `address(row, "publish")`."""

    def of(row, button=""):
        change = reverse(f"admin:tenants_{type(row).__name__.lower()}_change", args=[row.pk])
        return change.removesuffix("change/") + f"{button}/" if button else change

    return of


@pytest.fixture
def told(pages):
    """What the page after a POST tells people."""

    def post(path, form=None):
        answer = pages.post(path, form or {}, follow=True)
        return [str(message) for message in answer.context["messages"]]

    return post
