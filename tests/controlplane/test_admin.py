import pytest
from django.apps import apps
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from tests.tenants.factories import DraftFactory, PlatformConnectionFactory, TenantFactory

pytestmark = pytest.mark.django_db

FIRST_PAGE = "/admin/"
JOBS = "/admin/django_celery_beat/periodictask/"


@pytest.fixture
def pages(client, root):
    client.force_login(root)
    return client


def test_the_address_of_web_leads_to_the_admin(client):
    assert client.get("/")["Location"] == FIRST_PAGE


def test_an_empty_installation_is_told_where_to_begin(pages):
    page = pages.get(FIRST_PAGE).content.decode()

    assert "Begin with a tenant" in page
    assert "Nothing: every platform connection has its credential" in page


def test_the_first_page_counts(pages):
    TenantFactory.create()
    TenantFactory.create(is_active=False)

    cards = {card["title"]: (card["count"], card["note"]) for card in pages.get(FIRST_PAGE).context["cards"]}

    assert cards["Tenants"] == (2, "1 suspended")


def test_what_waits_for_somebody_is_told_with_its_page(pages, acme):
    connection = PlatformConnectionFactory.create(tenant=acme, name="CXone", credential=None)
    draft = DraftFactory.create(policy__tenant=acme, policy__name="Web chat", number=2)

    waiting = {thing["sentence"]: thing["address"] for thing in pages.get(FIRST_PAGE).context["waiting"]}

    assert waiting == {
        "Acme: CXone has no credential, so none of its channels works.": reverse(
            "admin:tenants_platformconnection_change", args=[connection.pk]
        ),
        "Acme: Web chat version 2 (draft) waits to be published.": reverse(
            "admin:tenants_policyversion_change", args=[draft.pk]
        ),
    }


def test_jobs_can_be_read_but_never_changed(pages):
    every_minute = apps.get_model("django_celery_beat", "IntervalSchedule").objects.create(every=1, period="minutes")
    job = PeriodicTask.objects.create(name="rebuild", task="tenants.tasks.rebuild_records", interval=every_minute)

    assert "rebuild" in pages.get(JOBS).content.decode()
    assert pages.post(f"{JOBS}{job.pk}/change/", {"name": "x"}).status_code == 403


@pytest.mark.parametrize("path", ["oauth2_provider/accesstoken/", "oauth2_provider/grant/", "auth/group/"])
def test_pages_that_would_go_round_our_actions_are_not_there(path, pages):
    assert pages.get(f"/admin/{path}").status_code == 404


def test_the_sidebar_leads_to_pages_that_are_there(pages):
    groups = pages.get(FIRST_PAGE).context["sidebar_navigation"]

    links = [entry["link"] for group in groups for entry in group["items"]]
    assert len(links) == 18
    assert {pages.get(str(link)).status_code for link in links} == {200}


def test_who_comes_to_the_log_in_page_itself_is_led_to_the_first_page(client, root):
    root.set_password("correct horse battery")
    root.save()

    answer = client.post("/admin/login/", {"username": root.username, "password": "correct horse battery"})

    assert answer["Location"] == FIRST_PAGE
