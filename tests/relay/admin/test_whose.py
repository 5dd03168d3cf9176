import pytest
from django.urls import reverse

from relay.models.episodes import ThrottleEpisode
from tenants.models.clients import OAuthClient

pytestmark = pytest.mark.django_db
OWNED = ("trafficrollup", "handshakerollup", "throttleepisode")


def shown(pages, kind):
    return pages.get(reverse(f"admin:relay_{kind}_changelist")).content.decode()


@pytest.mark.parametrize("kind", OWNED)
def test_a_list_names_clients_as_people_do(kind, pages, rows):
    assert "CRM sync" in shown(pages, kind)


@pytest.mark.parametrize("kind", OWNED)
def test_a_client_that_was_deleted_is_told_by_its_id(kind, pages, rows):
    OAuthClient.objects.all().delete()

    page = shown(pages, kind)

    assert "crm-sync" in page
    assert "CRM sync" not in page


def test_what_came_before_a_token_was_read_is_nobodys(pages, rows):
    ThrottleEpisode.objects.update(tenant="", client="")

    assert shown(pages, "throttleepisode").count("nobody yet") == 2
