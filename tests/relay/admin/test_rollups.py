import pytest
from django.urls import reverse

from relay.models.rollups import NOBODY, TrafficRollup
from relay.telemetry.sums import Sums
from tests.relay.counted import TENANT_ID, flow, record

pytestmark = pytest.mark.django_db
TRAFFIC = reverse("admin:relay_trafficrollup_changelist")
HANDSHAKES = reverse("admin:relay_handshakerollup_changelist")


def found(pages, address, **query):
    """The rows that a list shows."""
    return list(pages.get(address, query).context["cl"].result_list)


def page_of(pages, row):
    return pages.get(reverse("admin:relay_trafficrollup_change", args=[row.pk])).content.decode()


@pytest.mark.parametrize("address", [TRAFFIC, HANDSHAKES])
def test_a_list_has_periods_of_one_length_which_are_minutes_unless_others_were_chosen(address, pages, rows):
    assert [row.granularity for row in found(pages, address)] == ["minute"]
    for granularity in ("minute", "hour", "day"):
        assert [row.granularity for row in found(pages, address, granularity=granularity)] == [granularity]
    assert found(pages, address, granularity="year") == []


def test_the_length_that_is_shown_is_marked_as_chosen(pages, rows):
    [chosen] = [choice for choice in lengths(pages, TRAFFIC) if choice["selected"]]
    assert chosen["display"] == "Minute"

    [chosen] = [choice for choice in lengths(pages, TRAFFIC, granularity="day") if choice["selected"]]
    assert chosen["display"] == "Day"


def lengths(pages, address, **query):
    """The lengths of periods that a list offers."""
    changelist = pages.get(address, query).context["cl"]
    [offered] = [spec for spec in changelist.filter_specs if spec.title == "period"]
    return list(offered.choices(changelist))


def test_traffic_is_told_with_its_numbers(pages, rows):
    page = page_of(pages, rows["trafficrollup"])

    for words in ("1,234", "12,340", "crm-sync", "billing", "2026-11-24 12:00:00 UTC"):
        assert words in page


@pytest.mark.parametrize("address", [TRAFFIC, HANDSHAKES])
def test_sums_are_filtered_by_tenant_client_and_granularity(address, pages, rows, umbrella):
    acme = {"tenant_id__exact": TENANT_ID}

    assert len(found(pages, address, **acme)) == 1
    assert len(found(pages, address, **acme, client_id__exact="crm-sync")) == 1
    assert len(found(pages, address, **acme, client_id__exact="crm-sync", granularity="hour")) == 1
    assert found(pages, address, tenant_id__exact=str(umbrella.pk)) == []
    assert found(pages, address, tenant_id__exact="no id") == []


def test_clients_can_be_chosen_when_a_tenant_was(pages, rows):
    choice = "client_id__exact=crm-sync"

    assert choice not in pages.get(TRAFFIC).content.decode()
    assert choice in pages.get(TRAFFIC, {"tenant_id__exact": TENANT_ID}).content.decode()


@pytest.mark.parametrize("words", ["Acme", "acme", "crm-sync", "CRM", "billing"])
def test_traffic_is_found_by_the_beginning_of_tenant_client_and_channel(words, pages, rows):
    assert len(found(pages, TRAFFIC, q=words[:3])) == 1
    assert len(found(pages, TRAFFIC, q=words, granularity="day")) == 1
    assert found(pages, TRAFFIC, q="nobody") == []


@pytest.mark.parametrize(
    ("messages", "waited", "words"),
    [(100, 0, "up to 1 ms"), (100, 60, "longer than 30,000 ms"), (0, 0, "nothing was held")],
)
def test_how_long_messages_were_held_is_told_in_words(messages, waited, words, pages):
    one, sums = record(), Sums()
    one.flows[:] = [flow(messages, waited=waited)]
    sums.add(one)
    sums.store()

    assert words in page_of(pages, TrafficRollup.objects.first())


def test_handshakes_of_nobody_are_said_to_be_so(pages, rows):
    rows["handshakerollup"].tenant_id, rows["handshakerollup"].client_id = NOBODY, ""
    rows["handshakerollup"].save()

    assert "nobody yet" in pages.get(HANDSHAKES, {"granularity": "hour"}).content.decode()
