"""A limit as a sentence, for people. Decides nothing: relay/throttle does."""

from collections.abc import Iterable

from relay.throttle.policy import SECOND_NS, Beyond, Counted, Direction, Scope, StoreAway, ZonePolicy

PERIODS = {1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day"}
WHOSE = {
    Scope.ADDRESS: "for each address",
    Scope.CONNECTION: "for each connection",
    Scope.CLIENT: "for each client",
    Scope.CHANNEL: "for the whole channel",
    Scope.CREDENTIAL: "for the platform's credential",
    Scope.PLATFORM_CONNECTION: "for the whole platform connection",
    Scope.TENANT: "for the whole tenant",
}
STORE_AWAY = {
    StoreAway.SHARE: "each relay process goes on with its last known share of limits that they share",
    StoreAway.REFUSE: "nothing passes limits that relay processes share",
    StoreAway.LET_PASS: "limits that relay processes share hold nothing back",
}


def in_words(zone: ZonePolicy) -> str:
    """One limit as a sentence: "100 messages a second for each client, 20 ahead, of which 10 at once, then wait"."""
    if zone.counted is Counted.OPEN_CONNECTIONS:
        return f"at most {zone.permits:,} open connections {WHOSE[zone.scope]}, then rejected (429)"
    counted = zone.counted.label + (" to the client" if zone.direction is Direction.TO_CLIENT else "")
    rate = f"{zone.permits:,} {counted} {_period(zone)} {WHOSE[zone.scope]}"
    strict = ", strict over all relay processes" if zone.strict else ""
    return f"{rate}, {_burst(zone)}, {_beyond(zone)}{strict}{_effect(zone)}"


def in_words_all(zones: Iterable[ZonePolicy]) -> list[str]:
    """Each limit as a sentence."""
    return [in_words(zone) for zone in zones]


def store_away_in_words(store_away: StoreAway) -> str:
    """What becomes of shared limits without Redis, as a sentence."""
    return f"while Redis does not answer, {STORE_AWAY[store_away]}"


def _period(zone: ZonePolicy) -> str:
    seconds = zone.period_ns // SECOND_NS
    return PERIODS.get(seconds, f"in {seconds:,} seconds")


def _burst(zone: ZonePolicy) -> str:
    if not zone.burst:
        return "evenly"
    if zone.delay == zone.burst:
        return f"{zone.burst:,} ahead at once"
    if not zone.delay:
        return f"{zone.burst:,} ahead, each in its turn"
    return f"{zone.burst:,} ahead, of which {zone.delay:,} at once"


def _effect(zone: ZonePolicy) -> str:
    return ", without effect until relays pass on HTTP requests" if zone.counted is Counted.REQUESTS else ""


def _beyond(zone: ZonePolicy) -> str:
    if zone.beyond is Beyond.REJECT:
        return "then rejected (429)"
    if zone.beyond is Beyond.CLOSE:
        return f"then wait, and close after {zone.close_after_waiting_seconds:,} s of waiting"
    return "then wait"
