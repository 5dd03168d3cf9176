from dataclasses import replace

import pytest

from controlplane.demonstration.database import fill, is_current, limits_in_force
from controlplane.demonstration.environment import Demonstration
from controlplane.demonstration.scenario import Limit
from relay.throttle.policy import SECOND_NS, ZonePolicy
from tenants.actions.policies import create_draft, publish_version, set_zones
from tenants.models.clients import OAuthClient
from tenants.models.members import Member, User
from tenants.models.platform_connections import PlatformConnection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def demonstration(tmp_path):
    return Demonstration(directory=tmp_path)


def test_a_migrated_database_is_current(demonstration):
    assert is_current(demonstration)


def test_it_makes_two_tenants_six_clients_an_administrator_and_an_owner(demonstration):
    credentials = fill(demonstration)

    assert {client.tenant for client in credentials.clients} == {"acme", "umbrella"}
    assert len(credentials.clients) == OAuthClient.objects.count() == 6
    assert User.objects.get(username=credentials.user).is_superuser
    owner = Member.objects.get(user__username=credentials.owner_user)
    assert (owner.role, owner.tenant.slug) == ("owner", "acme")


def test_people_log_in_with_the_passwords_of_the_file(demonstration):
    credentials = fill(demonstration)

    assert User.objects.get(username=credentials.user).check_password(credentials.password)
    assert User.objects.get(username=credentials.owner_user).check_password(credentials.owner_password)


def test_a_second_time_changes_nothing(demonstration):
    first = fill(demonstration)

    assert fill(demonstration) == first


def test_secrets_are_made_anew_where_the_file_is_lost(demonstration):
    first = fill(demonstration)
    demonstration.credentials_file.unlink()

    second = fill(demonstration)

    assert [client.client_id for client in second.clients] == [client.client_id for client in first.clients]
    assert not {client.client_secret for client in second.clients} & {client.client_secret for client in first.clients}
    assert second.password != first.password


def test_a_password_that_a_visitor_changed_is_made_anew(demonstration):
    administrator = User.objects.get(username=fill(demonstration).user)
    administrator.set_password("changed by a visitor")
    administrator.save()

    credentials = fill(demonstration)

    assert User.objects.get(username=credentials.user).check_password(credentials.password)


def test_platform_connections_follow_the_simulator_to_another_port(demonstration, tmp_path):
    fill(demonstration)

    fill(Demonstration(directory=tmp_path, simulator_port=9100))

    for platform_connection in PlatformConnection.objects.all():
        assert platform_connection.token_url.startswith("http://127.0.0.1:9100/")
        assert platform_connection.socket_url.startswith("ws://127.0.0.1:9100/")


def test_a_limit_that_a_visitor_published_stays_and_is_told(demonstration):
    credentials = fill(demonstration)
    client = OAuthClient.objects.get(name="speech-analytics")
    root = User.objects.get(username=credentials.user)
    draft = create_draft(client.throttle_policy, acting_user=root)
    zones = [ZonePolicy(name="client", permits=50, burst=5, delay=5)]
    publish_version(set_zones(draft, zones, acting_user=root), acting_user=root)

    told = next(told for told in fill(demonstration).clients if told.name == "speech-analytics")

    assert (told.messages_per_second, told.burst, told.delay) == (50, 5, 5)
    assert limits_in_force()[client.client_id] == Limit(50, 5, 5)


def test_a_limit_on_bytes_is_told_as_it_is_in_force(demonstration):
    credentials = fill(demonstration)
    told = next(told for told in credentials.clients if told.name == "chat-transcripts")
    assert (told.bytes_per_second, told.bytes_burst) == (10_000, 20_000)

    root = User.objects.get(username=credentials.user)
    policy = OAuthClient.objects.get(name=told.name).throttle_policy
    in_force = [zone.as_policy() for zone in policy.versions.published().get().zones.all()]
    slower = [replace(one, permits=30, period_ns=60 * SECOND_NS, burst=7, delay=7) for one in in_force[-1:]]
    draft = create_draft(policy, acting_user=root)
    publish_version(set_zones(draft, [*in_force[:-1], *slower], acting_user=root), acting_user=root)

    told = next(told for told in fill(demonstration).clients if told.name == "chat-transcripts")
    assert (told.bytes_per_second, told.bytes_burst) == (0.5, 7)
    assert limits_in_force()[told.client_id] == Limit(100, 20, 10, bytes_per_second=0.5, bytes_burst=7)
