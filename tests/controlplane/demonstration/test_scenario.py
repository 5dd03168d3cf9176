import pytest

from controlplane.demonstration.scenario import CLIENTS, TENANTS, Bursting, Limit, Steady, zones
from relay.throttle.policy import Counted, Scope, default_zones


def test_two_tenants_on_two_platforms_have_six_clients():
    assert [tenant.platform for tenant in TENANTS] == ["genesys", "cxone"]
    assert len(CLIENTS) == 6


def test_one_client_has_a_limit_on_bytes():
    limits = [limit for tenant in TENANTS for limit in tenant.policies.values() if limit.bytes_per_second]

    assert limits == [Limit(100, 20, 10, bytes_per_second=10_000, bytes_burst=20_000)]


def test_one_client_offers_ten_times_its_limit_and_no_other_is_over():
    rates = {
        client.name: (client.pace.offered(1000) / 1000, tenant.policies[client.policy].messages_per_second)
        for tenant in TENANTS
        for client in tenant.clients
    }

    assert [name for name, (offered, allowed) in rates.items() if offered >= 10 * allowed] == ["speech-analytics"]
    assert [name for name, (offered, allowed) in rates.items() if offered > allowed] == ["speech-analytics"]


def test_every_client_has_a_channel_of_its_own_so_that_the_platform_counts_it_apart():
    channels = [client.channel for client in CLIENTS.values()]

    assert len(set(channels)) == len(channels)


@pytest.mark.parametrize(("elapsed_seconds", "offered"), [(0, 0), (0.024, 0), (0.025, 1), (1, 40), (90.5, 3620)])
def test_a_steady_pace_is_evenly_spread(elapsed_seconds, offered):
    assert Steady(40).offered(elapsed_seconds) == offered


@pytest.mark.parametrize(("elapsed_seconds", "offered"), [(0, 300), (9.9, 300), (10, 600), (25, 900)])
def test_a_bursting_pace_comes_in_lots(elapsed_seconds, offered):
    assert Bursting(300, every_seconds=10).offered(elapsed_seconds) == offered


def test_a_limit_is_put_into_the_zones_of_messages_and_into_no_other():
    fitted = {zone.name: zone for zone in zones(Limit(30, 7, 3))}

    for name in ("client", "connection"):
        assert (fitted[name].permits, fitted[name].burst, fitted[name].delay) == (30, 7, 3)
    unchanged = {zone.name: zone for zone in default_zones() if zone.name not in ("client", "connection")}
    assert {name for name, zone in unchanged.items() if fitted[name] != zone} == {"credential_connections"}


def test_a_limit_on_bytes_is_a_zone_of_its_own():
    zone = zones(Limit(30, 7, 3, bytes_per_second=500, bytes_burst=90))[-1]

    assert (zone.name, zone.counted, zone.scope) == ("bytes", Counted.BYTES, Scope.CLIENT)
    assert (zone.permits, zone.burst, zone.delay) == (500, 90, 90)
    assert "bytes" not in {zone.name for zone in zones(Limit(30, 7, 3))}


def test_the_bound_is_rate_and_burst_and_one():
    assert Limit(100, 20, 10).most_in_a_second == 121
