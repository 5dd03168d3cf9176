import pytest
from django.db import IntegrityError, connection

from relay.throttle.policy import StoreAway, default_zones
from tenants.actions.policies import create_draft, publish_version, roll_back, set_store_away, set_zones
from tenants.models.policies import PolicyVersion
from tests.tenants.factories import DraftFactory, ZoneFactory

pytestmark = pytest.mark.django_db

COLUMNS = (
    "version_id, scope, counted, direction, permits, period_seconds, burst, delay, beyond, close_after_waiting_seconds,"
    " strict"
)


@pytest.fixture
def published(alice):
    return publish_version(ZoneFactory.create().version, acting_user=alice)


def test_a_version_is_what_the_relay_enforces(alice):
    draft = set_store_away(DraftFactory.create(number=3), StoreAway.REFUSE, acting_user=alice)
    version = set_zones(draft, default_zones(), acting_user=alice)

    snapshot = version.snapshot()

    assert (snapshot.policy_id, snapshot.version) == (str(version.policy_id), 3)
    assert snapshot.zones == default_zones()
    assert snapshot.store_away is StoreAway.REFUSE


def test_at_most_one_version_of_a_policy_is_in_force(published, alice):
    draft = create_draft(published.policy, acting_user=alice)

    with pytest.raises(IntegrityError, match=r"policy_id|one_published_version"):
        PolicyVersion.objects.filter(pk=draft.pk).update(state="published", published_at="2026-01-01T00:00Z")


def test_a_published_version_has_a_time():
    draft = DraftFactory.create()

    with pytest.raises(IntegrityError, match="published_version_has_a_time"):
        PolicyVersion.objects.filter(pk=draft.pk).update(state="published")


@pytest.mark.parametrize("values", [{"note": "x"}, {"number": 9}, {"state": "draft"}, {"store_away": "refuse"}])
def test_what_was_published_never_changes_whoever_tries(published, values):
    with pytest.raises(IntegrityError, match="a published version never changes"):
        PolicyVersion.objects.filter(pk=published.pk).update(**values)


def test_what_was_published_is_never_deleted(published):
    with pytest.raises(IntegrityError, match="a published version never changes"):
        published.policy.delete()


def test_what_was_retired_is_never_in_force_again(published):
    PolicyVersion.objects.filter(pk=published.pk).update(state="retired")

    with pytest.raises(IntegrityError, match="a published version never changes"):
        PolicyVersion.objects.filter(pk=published.pk).update(state="published")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_throttlezone SET permits = 1000000",
        "UPDATE tenants_throttlezone SET strict = true",
        "DELETE FROM tenants_throttlezone",
        f"INSERT INTO tenants_throttlezone ({COLUMNS}, name) SELECT {COLUMNS}, 'z' FROM tenants_throttlezone",  # noqa: S608
    ],
)
def test_its_zones_never_change_either_not_even_by_sql(published, statement):
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="a published version never changes"):
        cursor.execute(statement)


def test_an_unknown_word_for_a_redis_that_is_away_is_refused():
    draft = DraftFactory.create()

    with pytest.raises(IntegrityError, match="version_store_away_is_known"):
        PolicyVersion.objects.filter(pk=draft.pk).update(store_away="canary")


def test_before_a_version_comes_what_was_in_force_then(published, alice):
    second = roll_back(published, acting_user=alice)
    draft = create_draft(published.policy, acting_user=alice)
    third = roll_back(published, acting_user=alice)

    versions = (published, second, third, draft)
    assert [PolicyVersion.objects.before(version) for version in versions] == [None, published, second, third]


def test_a_zone_cannot_be_moved_into_a_published_version(published):
    zone = ZoneFactory.create(name="other")

    zone.version = published
    with pytest.raises(IntegrityError, match="a published version never changes"):
        zone.save()


def test_a_person_who_published_can_be_deleted_and_the_version_stays(published, alice):
    alice.delete()

    published.refresh_from_db()
    assert published.published_by is None
