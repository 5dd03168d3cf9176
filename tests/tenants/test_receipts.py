from uuid import uuid4

import pytest

from relay.store.announcements import announce
from relay.store.pool import blocking
from relay.store.workers import ALIVE_SECONDS
from tenants.actions.policies import create_draft, publish_version, roll_back
from tenants.receipts import Laggard, receipt_of
from tenants.snapshots import publish_records
from tests.tenants.factories import DraftFactory, ZoneFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(acme, root):
    draft = DraftFactory.create(policy__tenant=acme, number=12)
    return publish_version(ZoneFactory.create(version=draft).version, acting_user=root)


@pytest.fixture
def announced(version, redis):
    """The version, once relays were told of it."""
    publish_records(version.policy.tenant_id)
    return version


def test_a_version_that_all_enforce_says_so_with_the_time_that_it_took(announced, alive, confirm):
    alive("a", "b")
    confirm(announced, "a")
    confirm(announced, "b", held=12)

    receipt = receipt_of(announced)

    assert receipt.is_complete
    assert receipt.after_ms >= 0
    assert receipt.sentence == f"version 12 enforced by 2 of 2 workers after {receipt.after_ms:,} ms"


def test_who_lags_is_named_with_what_it_enforces(announced, alive, confirm):
    alive("a", "silent", "behind")
    confirm(announced, "a")
    confirm(announced, "behind", held=11)

    receipt = receipt_of(announced)

    assert receipt.laggards == (Laggard("behind", 11), Laggard("silent", 0))
    assert receipt.sentence.startswith("version 12 enforced by 1 of 3 workers after ")
    assert receipt.announced_at is not None
    assert not receipt.is_complete


def test_a_process_that_is_no_longer_alive_does_not_count(announced, alive, confirm):
    alive("a")
    alive("dead", seconds_ago=ALIVE_SECONDS + 1)
    confirm(announced, "a")

    assert receipt_of(announced).workers == 1


def test_a_process_that_began_later_enforces_it_without_counting_as_late(announced, alive, confirm):
    alive("new")
    confirm(announced, "new", began_after=announce(str(uuid4())))

    assert receipt_of(announced).sentence == "version 12 enforced by 1 of 1 workers"


def test_before_anybody_has_confirmed_no_time_is_told(announced, alive):
    alive("a")

    assert receipt_of(announced).sentence == "version 12 enforced by 0 of 1 workers"


def test_where_no_relay_runs_it_says_so(announced):
    assert receipt_of(announced).sentence == "no worker is running; whichever starts enforces version 12"
    assert not receipt_of(announced).is_complete


def test_what_was_not_announced_yet_says_so(version, alive):
    alive("a")

    assert receipt_of(version).sentence == "version 12 is not announced yet; that is done again every minute"


def test_another_version_in_force_needs_confirmations_of_its_own(announced, alive, root, confirm):
    alive("a")
    confirm(announced, "a", held=12)

    later = roll_back(announced, acting_user=root)
    publish_records(later.policy.tenant_id)

    assert receipt_of(later).laggards == (Laggard("a", 12),)


def test_another_policys_version_takes_nothing_back(announced, alive, root, confirm):
    alive("a")
    confirm(announced, "a")
    other = ZoneFactory.create(version=DraftFactory.create(policy__tenant=announced.policy.tenant, number=1)).version

    publish_version(other, acting_user=root)
    publish_records(other.policy.tenant_id)

    assert receipt_of(announced).is_complete


def test_f8_without_redis_nobody_can_tell(version, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    blocking.cache_clear()

    assert receipt_of(version).sentence == "Redis does not answer, so nobody can tell who enforces version 12"
    blocking.cache_clear()


def test_a_draft_is_announced_to_nobody(announced, root, alive):
    draft = create_draft(announced.policy, acting_user=root)

    assert receipt_of(draft).announced_at is None
