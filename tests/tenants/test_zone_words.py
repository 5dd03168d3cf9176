import pytest

from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, Scope, StoreAway, ZonePolicy, default_zones
from tenants.zone_words import in_words, in_words_all, store_away_in_words


def zone(**fields):
    return ZonePolicy(**{"name": "client", "permits": 100, **fields})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"burst": 20, "delay": 10}, "100 messages a second for each client, 20 ahead, of which 10 at once, then wait"),
        ({}, "100 messages a second for each client, evenly, then wait"),
        ({"burst": 20, "delay": 20}, "100 messages a second for each client, 20 ahead at once, then wait"),
        ({"burst": 20}, "100 messages a second for each client, 20 ahead, each in its turn, then wait"),
        (
            {"permits": 17, "period_ns": 60 * SECOND_NS, "scope": Scope.TENANT},
            "17 messages a minute for the whole tenant, evenly, then wait",
        ),
        (
            {"permits": 10_000_000, "counted": Counted.BYTES, "scope": Scope.CONNECTION},
            "10,000,000 bytes a second for each connection, evenly, then wait",
        ),
        (
            {"permits": 3, "period_ns": 30 * SECOND_NS, "direction": Direction.TO_CLIENT},
            "3 messages to the client in 30 seconds for each client, evenly, then wait",
        ),
        (
            {"burst": 20, "delay": 20, "strict": True},
            "100 messages a second for each client, 20 ahead at once, then wait, strict over all relay processes",
        ),
        (
            {"beyond": Beyond.CLOSE, "close_after_waiting_seconds": 30},
            "100 messages a second for each client, evenly, then wait, and close after 30 s of waiting",
        ),
        (
            {"permits": 5, "counted": Counted.HANDSHAKES, "beyond": Beyond.REJECT},
            "5 handshakes a second for each client, evenly, then rejected (429)",
        ),
        (
            {"permits": 50, "counted": Counted.OPEN_CONNECTIONS, "beyond": Beyond.REJECT},
            "at most 50 open connections for each client, then rejected (429)",
        ),
        (
            {"permits": 5, "counted": Counted.REQUESTS},
            "5 requests a second for each client, evenly, then wait, without effect until relays pass on HTTP requests",
        ),
    ],
)
def test_a_limit_reads_as_a_sentence(fields, sentence):
    assert in_words(zone(**fields)) == sentence


def test_no_two_of_the_default_limits_read_alike():
    sentences = in_words_all(default_zones())

    assert len(set(sentences)) == len(default_zones())


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_has_words(scope):
    assert in_words(zone(scope=scope)).startswith("100 messages a second for ")


@pytest.mark.parametrize("store_away", list(StoreAway))
def test_what_happens_without_redis_reads_as_a_sentence(store_away):
    assert store_away_in_words(store_away).startswith("while Redis does not answer, ")
