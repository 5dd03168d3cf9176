from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from relay.models.episodes import ThrottleEpisode

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def migrate(name):
    """Bring the relay's tables to a migration; answers models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate([("relay", name)])
    return executor.loader.project_state([("relay", name)]).apps


@pytest.fixture
def before():
    """Models whose episodes have one zone each."""
    yield migrate("0003_ids_of_owners")
    migrate("0004_episodes_have_zones")


def test_an_episode_of_before_lists_its_own_zone(before):
    counts = {"waited": 5, "held_ms": 700, "refused": 2, "closed": 1}
    zone = {"policy_id": "p1", "version": 3, "zone": "client", **counts}
    before.get_model("relay", "ThrottleEpisode").objects.create(began_at=NOON, last_at=NOON, **zone)

    migrate("0004_episodes_have_zones")

    assert ThrottleEpisode.objects.get().zones == [zone | {"longest_ms": 0}]
