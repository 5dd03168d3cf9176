import pytest
from django.urls import reverse

from tenants.actions.policies import publish_version
from tests.tenants.factories import (
    ChannelFactory,
    ClientFactory,
    DraftFactory,
    MemberFactory,
    PlatformConnectionFactory,
    ZoneFactory,
)


@pytest.fixture
def pages(client, root, redis):
    """A browser in which root is logged in."""
    client.force_login(root)
    return client


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
