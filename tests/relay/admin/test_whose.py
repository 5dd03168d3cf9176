import pytest
from django.urls import reverse

from relay.admin.whose import visible_to
from relay.models.episodes import ThrottleEpisode
from relay.models.rollups import NOBODY, HandshakeRollup, TrafficRollup
from tenants.models.channels import Channel
from tenants.models.clients import OAuthClient
from tenants.models.tenants import Tenant
from tests.relay.counted import TENANT_ID

pytestmark = pytest.mark.django_db
MODELS = {"trafficrollup": TrafficRollup, "handshakerollup": HandshakeRollup, "throttleepisode": ThrottleEpisode}


@pytest.fixture
def successor(rows, acme, umbrella, mallory):
    """Mallory's tenant, which has taken over the slug and the name of one that is called otherwise now."""
    acme.slug, acme.name = "acme-2", "Acme of old"
    acme.save()
    umbrella.slug, umbrella.name = "acme", "Acme"
    umbrella.save()
    return umbrella


def listed(pages, kind, **query):
    return pages.get(reverse(f"admin:relay_{kind}_changelist"), query)


def found(pages, kind, **query):
    return list(listed(pages, kind, **query).context["cl"].result_list)


def shown(pages, kind, **query):
    return listed(pages, kind, **query).content.decode()


@pytest.mark.parametrize("kind", MODELS)
def test_a_list_names_tenants_and_clients_as_people_do(kind, pages, rows):
    page = shown(pages, kind)

    assert "CRM sync" in page
    assert "Acme" in page


@pytest.mark.parametrize("kind", ["trafficrollup", "throttleepisode"])
def test_a_list_names_channels_until_they_are_deleted(kind, pages, rows):
    assert "billing" in shown(pages, kind)

    Channel.objects.all().delete()

    assert "deleted channel" in shown(pages, kind)


@pytest.mark.parametrize("kind", MODELS)
def test_a_client_that_was_deleted_is_told_by_its_id(kind, pages, rows):
    OAuthClient.objects.all().delete()

    page = shown(pages, kind)

    assert "crm-sync" in page
    assert "CRM sync" not in page


def test_what_came_before_a_token_was_read_is_nobodys(pages, rows):
    ThrottleEpisode.objects.update(tenant_id=NOBODY, client_id="", channel_id=NOBODY)

    page = shown(pages, "throttleepisode")

    assert (page.count("nobody yet"), page.count("none yet")) == (2, 1)


@pytest.mark.parametrize("kind", MODELS)
def test_the_owner_of_a_slug_does_not_see_what_its_former_owner_sent(kind, rows, successor, alice, mallory):
    every = MODELS[kind].objects.all()

    assert every.exists()
    assert not visible_to(mallory, every).exists()
    assert list(visible_to(alice, every)) == list(every)


@pytest.mark.parametrize("kind", MODELS)
def test_pages_of_a_slugs_owner_show_nothing_of_its_former_owner(kind, pages, successor):
    assert found(pages, kind, tenant_id__exact=str(successor.pk)) == []
    assert "CRM sync" not in shown(pages, kind, tenant_id__exact=str(successor.pk))


@pytest.mark.parametrize("kind", MODELS)
def test_a_tenant_that_was_renamed_keeps_its_history(kind, pages, successor):
    page = shown(pages, kind, tenant_id__exact=TENANT_ID)

    assert "Acme of old" in page
    rows = MODELS[kind].objects.all()
    shown_first = rows.filter(granularity="minute") if kind.endswith("rollup") else rows
    assert len(found(pages, kind, tenant_id__exact=TENANT_ID)) == shown_first.count()


@pytest.mark.parametrize("kind", MODELS)
def test_a_client_of_another_tenant_lends_no_row_its_name(kind, pages, rows, umbrella):
    OAuthClient.objects.all().delete()
    Channel.objects.all().delete()
    MODELS[kind].objects.update(tenant_id=umbrella.pk)

    page = shown(pages, kind)

    assert "CRM sync" not in page
    assert "Umbrella" in page


@pytest.mark.parametrize("kind", MODELS)
def test_what_a_deleted_tenant_sent_is_shown_to_administrators_alone(kind, pages, rows, alice, mallory):
    OAuthClient.objects.all().delete()
    Channel.objects.all().delete()
    Tenant.objects.get(pk=TENANT_ID).delete()
    every = MODELS[kind].objects.all()

    assert f"deleted tenant {TENANT_ID}" in shown(pages, kind)
    assert found(pages, kind)
    assert not any(visible_to(person, every).exists() for person in (alice, mallory))


@pytest.mark.parametrize("kind", MODELS)
def test_nobodys_rows_are_no_tenants(kind, rows, alice, mallory):
    every = MODELS[kind].objects.all()
    row = every.first()
    row.tenant_id, row.client_id = NOBODY, ""
    row.save()

    assert not any(visible_to(person, every.filter(pk=row.pk)).exists() for person in (alice, mallory))


@pytest.mark.parametrize("kind", [*MODELS, "relayprocess", "gap", "streamposition"])
@pytest.mark.parametrize("person", ["alice", "mallory"])
def test_members_of_tenants_have_no_pages_of_telemetry(kind, person, rows, client, request):
    user = request.getfixturevalue(person)
    user.is_staff = True
    user.save()
    client.force_login(user)

    for address in (
        reverse(f"admin:relay_{kind}_changelist"),
        reverse(f"admin:relay_{kind}_change", args=[rows[kind].pk]),
    ):
        assert client.get(address).headers["Location"] == f"{reverse('admin:login')}?next={address}"
