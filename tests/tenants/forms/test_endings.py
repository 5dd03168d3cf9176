"""Whatever ends connections is asked first, with how many it touches; nothing that was entered is lost meanwhile."""

import asyncio

import pytest

from relay.store.open_connections import tell_open
from relay.store.pool import blocking, on_loop
from relay.store.workers import beat
from tests.tenants.factories import ChannelFactory, PlatformConnectionFactory
from tests.tenants.forms.test_conflicts import values_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def opened(redis, rows):
    """A relay process that holds two connections of the client on its channel, and one of another's."""

    async def tell():
        redis_on_loop = on_loop()
        try:
            await beat(redis_on_loop, "host-1", "")
            counts = {str(rows["channel"].pk): {rows["oauthclient"].client_id: 2, "another": 1}}
            await tell_open(redis_on_loop, "host-1", str(rows["tenant"].pk), counts)
        finally:
            await redis_on_loop.aclose()

    asyncio.run(tell())


@pytest.fixture
def ends(pages, opened, rows, address):
    """Saves a row's form with other values; answers what is asked, or nothing where it was saved."""

    def save(kind, **changes):
        row = rows[kind]
        opened = pages.get(address(row))
        answer = pages.post(address(row), {**values_on(opened), **changes})
        return answer.context["adminform"].form.endings if answer.context else []

    return save


@pytest.fixture
def asked(pages, opened, rows, address):
    """What the page of a row's button asks, by the row's kind and the button."""

    def page_of(words):
        kind, button = words.split()
        return pages.get(address(rows[kind], button)).content.decode()

    return page_of


def test_another_slug(ends, rows):
    [sentence] = ends("tenant", slug="other")

    assert sentence.startswith(f"Addresses that begin with /realtime/{rows['tenant'].slug}/ lead nowhere then.")
    assert sentence.endswith("Open now: 3.")


def test_a_channel_that_is_called_something_else_or_leads_elsewhere(ends, rows):
    other = PlatformConnectionFactory.create(tenant=rows["tenant"], name="Other")

    assert [sentence.split(" ")[-3:] for sentence in ends("channel", name="other", platform_connection=other.pk)] == [
        ["Open", "now:", "3."],
        ["Open", "now:", "3."],
    ]
    assert "closed (4504)" in ends("channel", scope="webchat:send")[0]


def test_a_channel_that_a_client_may_use_no_more(ends, rows):
    [sentence] = ends("oauthclient", channels=[ChannelFactory.create(tenant=rows["tenant"]).pk])

    assert sentence == f"Its connections to {rows['channel']} are closed (4504). Open now: 2."


def test_a_platform_connection_that_is_switched_off_or_leads_elsewhere(ends, rows, root):
    account = rows["channel"].platform_connection
    rows["platformconnection"] = account

    assert ends("platformconnection", is_active="")[0].startswith("Every connection through it is closed (4432)")
    assert ends("platformconnection", token_url=f"https://login.{account.region}/other")[0].endswith("Open now: 3.")
    rows["platformcredential"] = account.credentials.get()
    assert ends("platformcredential", is_active="")[0].endswith(f"On {account}: Open now: 3.")


def test_nothing_is_stored_before_the_box_is_ticked_and_what_was_entered_stays(pages, rows, address):
    channel = rows["channel"]
    values = {**values_on(pages.get(address(channel))), "name": "other", "platform_channel": "elsewhere"}

    answer = pages.post(address(channel), values)
    channel.refresh_from_db()
    assert (answer.status_code, channel.name == "other") == (200, False)
    assert "tick the box" in answer.content.decode()
    assert answer.context["adminform"].form["platform_channel"].value() == "elsewhere"

    assert pages.post(address(channel), {**values_on(answer), "ends": "on"}).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.platform_channel) == ("other", "elsewhere")


def test_an_answer_holds_for_what_was_asked_and_for_nothing_more(pages, opened, rows, address):
    channel, other = rows["channel"], PlatformConnectionFactory.create(tenant=rows["tenant"], name="Other")
    asked = pages.post(address(channel), {**values_on(pages.get(address(channel))), "name": "other"})
    answered = {**values_on(asked), "ends": "on"}

    again = pages.post(address(channel), {**answered, "platform_connection": other.pk})

    assert len(again.context["adminform"].form.endings) == 2
    assert not again.context["adminform"].form["ends"].value()
    assert pages.post(address(channel), {**values_on(again), "ends": "on"}).status_code == 302


def test_what_ends_nothing_is_stored_at_once(ends, rows):
    more = ChannelFactory.create(tenant=rows["tenant"])

    assert ends("channel", priority=0) == []
    assert ends("oauthclient", channels=[rows["channel"].pk, more.pk]) == []
    assert ends("tenant", name="Other") == []


def test_where_redis_does_not_answer_nobody_can_tell_how_many(ends, rows, settings):
    blocking.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "nobody can tell how many connections are open" in ends("channel", name="other")[0]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("tenant suspend", "Open now: 3."),
        ("oauthclient disable", "Open now: 2."),
        ("oauthclient revoke-tokens", "Open now: 2."),
        ("oauthclient delete", "Open now: 2."),
        ("channel delete", "Open now: 3."),
        ("platformcredential delete", "No connection is open now."),
    ],
)
def test_each_page_that_asks_before_connections_end_says_how_many_are_open(asked, page, told):
    assert told in asked(page)
