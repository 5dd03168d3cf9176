import pytest
from django.urls import reverse
from django.utils import timezone

from relay.models.episodes import ThrottleEpisode
from relay.models.rollups import NOBODY
from tests.relay.counted import EPISODE, TENANT_ID
from tests.tenants.factories import DraftFactory

pytestmark = pytest.mark.django_db
NOBODYS = {"tenant_id": NOBODY, "client_id": "", "channel_id": NOBODY}
LIST = reverse("admin:relay_throttleepisode_changelist")


def page_of(pages, episode):
    return pages.get(reverse("admin:relay_throttleepisode_change", args=[episode.pk])).content.decode()


def episode(**changes):
    return ThrottleEpisode.objects.create(**EPISODE | changes)


def test_an_episode_tells_who_was_held_back_when_by_what_and_how_much(pages, rows):
    page = page_of(pages, rows["throttleepisode"])

    for words in (
        "Acme",
        "CRM sync",
        "crm-sync",
        "billing",
        "client",
        "2026-11-24 12:00:00 UTC",
        "0:01:15",
        "1,500",
        "40 ms",
        "2.5 s",
        "client, version 3: 1,500 had to wait, 60.0 s in all",
    ):
        assert words in page


def test_the_list_names_all_limits_of_an_episode_the_first_first(pages):
    [zone] = EPISODE["zones"]
    others = [{**zone, "zone": "tenant", "refused": 7, "waited": 0, "held_ms": 0}, {**zone, "version": 2}]
    one = episode(zones=[zone, *others])

    assert "client, tenant" in pages.get(LIST).content.decode()
    assert "tenant, version 3: 7 refused" in page_of(pages, one)


def test_a_wait_that_goes_on_is_told_before_it_ended(pages):
    [zone] = EPISODE["zones"]
    page = page_of(pages, episode(longest_ms=0, zones=[{**zone, "waited": 0, "held_ms": 0}]))

    assert "none ended" in page
    assert "client, version 3: a wait that goes on" in page


def test_episodes_are_filtered_by_tenant_and_client(pages, rows, umbrella):
    found = pages.get(LIST, {"tenant_id__exact": TENANT_ID, "client_id__exact": "crm-sync"}).context["cl"].result_list
    none = pages.get(LIST, {"tenant_id__exact": str(umbrella.pk)}).context["cl"].result_list

    assert (list(found), list(none)) == ([rows["throttleepisode"]], [])


def test_an_episode_goes_on_as_long_as_it_may_be_lengthened(pages):
    assert "Going on" in page_of(pages, episode(last_at=timezone.now()))
    assert "Over" in page_of(pages, episode())


def test_an_episode_leads_to_the_version_that_was_in_force(pages):
    version = DraftFactory.create(number=3)
    page = page_of(pages, episode(tenant_id=version.policy.tenant_id, policy_id=str(version.policy_id)))

    assert reverse("admin:tenants_policyversion_change", args=[version.pk]) in page
    assert f"{version.policy}, version 3" in page


@pytest.mark.parametrize("policy_id", ["p1", "6f2c5c9e-3a53-4d2c-9a43-1f5d8e0a7b11"])
def test_a_policy_that_was_deleted_is_said_to_be(policy_id, pages):
    assert "Version 3 of a policy that was deleted" in page_of(pages, episode(policy_id=policy_id))


def test_a_limit_of_the_relay_is_no_policy(pages):
    page = page_of(pages, episode(**NOBODYS, policy_id="address", version=0, waited=0))

    assert "A setting of the relay" in page
    assert "nothing waited" in page


def test_an_empty_list_says_that_nobody_came_up_against_a_limit(pages):
    assert "no client came up against a limit" in pages.get(LIST).content.decode()
