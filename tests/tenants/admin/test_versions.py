import pytest
from django.urls import reverse

from relay.throttle.policy import ZonePolicy, default_zones
from tenants.actions.policies import create_draft, publish_version, set_zones
from tenants.models.policies import PolicyVersion
from tenants.snapshots import publish_records
from tests.tenants.factories import DraftFactory, ZoneFactory

pytestmark = pytest.mark.django_db

ZONE = {
    "name": "client",
    "scope": "client",
    "counted": "messages",
    "direction": "to_platform",
    "permits": 100,
    "period_seconds": 1,
    "burst": 20,
    "delay": 10,
    "beyond": "wait",
    "close_after_waiting_seconds": 0,
}


@pytest.fixture
def draft(acme):
    return ZoneFactory.create(version=DraftFactory.create(policy__tenant=acme, number=1)).version


@pytest.fixture
def published(draft, root):
    return publish_version(draft, acting_user=root)


def form(version, *zones, note="", **management):
    """What the page posts: the stored zones first, each with its id."""
    ids = list(version.zones.values_list("pk", flat=True))
    counts = {"zones-TOTAL_FORMS": len(zones), "zones-INITIAL_FORMS": len(ids)}
    values = {"note": note, "store_away": "share", **counts, **management}
    for number, zone in enumerate(zones):
        values |= {f"zones-{number}-{field}": value for field, value in {**ZONE, **zone}.items()}
        values |= {
            f"zones-{number}-id": ids[number] if number < len(ids) else "",
            f"zones-{number}-version": version.pk,
        }
    return values


def errors_of(answer):
    return answer.context["inline_admin_formsets"][0].formset.errors


def test_zones_can_be_changed_added_and_taken_away(pages, draft, address):
    pages.post(address(draft), form(draft, {"permits": 50}, {"name": "other", "permits": 7}))
    assert dict(draft.zones.values_list("name", "permits")) == {"client": 50, "other": 7}

    pages.post(address(draft), form(draft, {"DELETE": "on"}, {"name": "other", "permits": 7}))
    assert dict(draft.zones.values_list("name", "permits")) == {"other": 7}


def test_a_note_alone_leaves_the_zones(pages, draft, address, audit_entries):
    zone = draft.zones.get()

    pages.post(address(draft), form(draft, {"permits": zone.permits, "burst": 0, "delay": 0}, note="Slower"))

    draft.refresh_from_db()
    assert draft.note == "Slower"
    assert draft.zones.get().pk == zone.pk


@pytest.mark.parametrize(
    ("zone", "field", "sentence"),
    [
        ({"delay": 30}, "delay", "Delay is 30 and burst is 20, but delay must lie between 0 and burst"),
        ({"beyond": "reject"}, "beyond", "An open connection never drops a message"),
        ({"beyond": "close"}, "close_after_waiting_seconds", "after how many seconds"),
        ({"counted": "handshakes", "beyond": "wait"}, "beyond", "always refused with 429"),
        ({"permits": 0}, "permits", "To let nothing through, disable the client"),
        ({"period_seconds": 0, "strict": "on"}, "period_seconds", "the period must be longer than nothing"),
        ({"period_seconds": 0}, "period_seconds", "the period must be longer than nothing"),
        ({"name": "Client 1"}, "name", "no zone name"),
        ({"permits": ""}, "permits", "required"),
        ({"strict": "on", "burst": 9, "delay": 9}, "strict", "needs a burst of 10 or more"),
        ({"strict": "on", "scope": "connection"}, "strict", "exact as it is"),
        ({"scope": "galaxy"}, "scope", "not one of the available choices"),
    ],
)
def test_nonsense_is_refused_at_its_field_with_the_reason(zone, field, sentence, pages, draft):
    path = reverse("admin:tenants_policyversion_change", args=[draft.pk])
    answer = pages.post(path, form(draft, zone))

    assert sentence.lower() in " ".join(errors_of(answer)[0][field]).lower()
    assert draft.zones.get().permits == 100


def test_the_form_offers_requests_and_says_that_such_a_limit_has_no_effect_yet(pages, draft, address):
    page = pages.get(address(draft)).content.decode()

    assert '<option value="requests"' in page
    assert "A limit on requests has no effect yet" in page


def test_two_zones_cannot_share_a_name(pages, draft, address):
    answer = pages.post(address(draft), form(draft, {}, {}))

    assert answer.status_code == 200
    assert draft.zones.count() == 1


def test_publishing_puts_the_draft_in_force(told, draft, address, audit_entries):
    assert told(address(draft, "publish")) == [f"{draft.policy} version 1 is in force."]

    draft.refresh_from_db()
    assert draft.state == "published"
    assert len(audit_entries("policy_published")) == 1


def test_what_happens_without_redis_is_chosen_on_the_draft_and_logged(pages, draft, address, audit_entries):
    stored = {"permits": 100, "burst": 0, "delay": 0}

    pages.post(address(draft), form(draft, stored, store_away="refuse"))

    draft.refresh_from_db()
    assert draft.store_away == "refuse"
    assert [entry.changes for entry in audit_entries("draft_changed")] == [{"store_away": ["share", "refuse"]}]


@pytest.mark.parametrize("button", ["", "publish"])
def test_a_draft_shows_what_it_changes_of_what_is_in_force(button, pages, published, root, address):
    draft = create_draft(published.policy, copy_of=published, acting_user=root)
    set_zones(draft, [ZonePolicy(name="client", permits=200, burst=40)], acting_user=root)

    page = pages.get(address(draft, button)).content.decode()

    assert "Compared with version 1:" in page
    assert "client: permits 100 → 200, burst 0 → 40" in page


def test_a_version_shows_what_it_changed_of_the_one_before(pages, published, root, address):
    other = set_zones(create_draft(published.policy, acting_user=root), default_zones(), acting_user=root)
    publish_version(other, acting_user=root)

    assert "Compared with a policy without zones:" in pages.get(address(published)).content.decode()
    assert "connection is added: 100 messages a second" in pages.get(address(other)).content.decode()


def test_rolling_back_shows_what_it_changes_of_what_is_in_force(pages, published, root, address):
    other = set_zones(create_draft(published.policy, acting_user=root), default_zones(), acting_user=root)
    publish_version(other, acting_user=root)

    assert "connection is removed: 100 messages a second" in pages.get(address(published, "roll-back")).content.decode()


def test_a_reason_becomes_the_note_and_stands_in_the_audit_log(pages, told, draft, address, audit_entries):
    told(address(draft, "publish"), {"reason": "As agreed in November"})

    draft.refresh_from_db()
    assert draft.note == "As agreed in November"
    assert audit_entries("policy_published")[0].additional_data["reason"] == "As agreed in November"
    assert "As agreed in November" in pages.get("/admin/auditlog/logentry/").content.decode()


def test_a_reason_that_is_too_long_is_refused_at_its_field(pages, draft, address):
    answer = pages.post(address(draft, "publish"), {"reason": "x" * 201})

    assert "reason" in answer.context["form"].errors
    assert not PolicyVersion.objects.published().exists()


@pytest.fixture
def enforced(published, alive):
    """A version in force, of which one relay process was told."""
    publish_records(published.policy.tenant_id)
    alive("7-5f1c")
    return published


def test_a_version_in_force_asks_for_its_receipt_every_second(pages, enforced, address):
    page = pages.get(address(enforced)).content.decode()

    assert f'hx-get="{address(enforced, "receipt")}" hx-trigger="every 1s"' in page


def test_a_receipt_alone_names_those_who_lag(pages, enforced, address):
    part = pages.get(address(enforced, "receipt")).content.decode()

    assert "version 1 enforced by 0 of 1 workers" in part
    assert "7-5f1c has not confirmed it since" in part
    assert "<html" not in part


def test_a_receipt_that_is_complete_is_not_asked_for_again(pages, enforced, address, confirm):
    confirm(enforced, "7-5f1c")

    part = pages.get(address(enforced, "receipt")).content.decode()

    assert "version 1 enforced by 1 of 1 workers after" in part
    assert "hx-get" not in part


def test_a_draft_without_zones_is_not_published_and_says_why(told, acme, address):
    empty = DraftFactory.create(policy__tenant=acme)

    assert told(address(empty, "publish")) == ["This version has no zones, so it would limit nothing. Add one first."]


def test_a_published_version_can_only_be_read_and_copied(pages, published, address):
    answer = pages.get(address(published))

    page = answer.content.decode()
    assert "it never changes" in page
    assert 'name="zones-0-permits"' not in page
    assert address(published, "copy-to-draft") in page
    assert address(published, "publish") not in page


def test_what_was_published_cannot_be_deleted_by_posting_either(pages, published, address):
    assert pages.post(address(published, "delete"), {"post": "yes"}).status_code == 403

    assert published.zones.get().permits == 100


def test_a_draft_that_was_published_while_somebody_changed_it_stays_and_says_so(told, published, address, root):
    [sentence] = told(address(published), form(published, {"permits": 1}, note="Slower"))

    assert sentence == (
        f"Not stored: {root} published this version while you had it open, so it never changes. Copy it to a draft, and"
        " enter your changes there."
    )
    assert published.zones.get().permits == 100


def test_zones_that_were_stored_anew_while_the_page_was_open_do_not_make_it_fail(pages, draft, address, root):
    stale = form(draft, {"permits": 50}) | pages.hidden_in(address(draft))
    set_zones(draft, draft.zone_policies(), acting_user=root)  # the same zones, with other ids

    pages.post(address(draft), stale)

    assert dict(draft.zones.values_list("name", "permits")) == {"client": 50}


def test_what_is_published_is_what_was_read(told, pages, draft, address, root):
    seen = pages.get(address(draft, "publish")).context["question"].seen
    set_zones(draft, [], acting_user=root)
    set_zones(draft, default_zones(), acting_user=root)

    assert told(address(draft, "publish"), {"reason": "", "seen": seen}) == [
        "It differs from what you were shown: somebody changed it. Read it again."
    ]
    draft.refresh_from_db()
    assert draft.is_draft


def test_a_copy_is_a_draft_with_the_same_zones(told, published, address):
    told(address(published, "copy-to-draft"))

    copy = PolicyVersion.objects.get(state="draft")
    assert copy.zone_policies() == published.zone_policies()


def test_rolling_back_puts_a_copy_in_force(told, published, root, address):
    other = create_draft(published.policy, acting_user=root)
    set_zones(other, default_zones(), acting_user=root)
    publish_version(other, acting_user=root)

    assert told(address(published, "roll-back")) == [f"{published.policy} version 3 is in force."]


def test_a_draft_that_was_published_meanwhile_is_not_published_twice(told, draft, root, address):
    publish_version(draft, acting_user=root)

    assert told(address(draft, "publish")) == ["Version 1 is published. Only a draft can be published."]


def test_a_draft_can_be_thrown_away(pages, draft, address):
    pages.post(address(draft, "delete"), {"post": "yes"})

    assert not PolicyVersion.objects.exists()


def test_a_list_of_many_versions_takes_no_query_for_each(pages, acme, django_assert_max_num_queries):
    for number in range(20):
        DraftFactory.create(policy__tenant=acme, number=number + 1)

    with django_assert_max_num_queries(12):
        pages.get("/admin/tenants/policyversion/")
