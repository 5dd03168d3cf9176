"""What pages say in numbers is what the code does.

A claim is a piece of a page with its numbers put in from the code. Pages that promise behaviour may have no number
with a unit that nobody claims: whoever writes one says here where it comes from, or that it is an example.
"""

import math
import re

import pytest
from django.conf import settings

from controlplane.logs import sinks
from controlplane.settings import KIB
from relay.gateway import door, drain, operations, server
from relay.models import episodes, rollups
from relay.platforms import credentials
from relay.process import child, supervisor, watchdog
from relay.protocol import denials
from relay.sharing import holdings
from relay.simulation import events
from relay.splicing import session, splice
from relay.store import backoff, breaker, caps, pool, workers
from relay.telemetry import differences, processes
from relay.throttle import granting, leases, lines
from relay.throttle.policy import LARGEST_PERIOD_NS, LEASE_SECONDS, SECOND_NS, default_zones
from relay.upstream import connecting, link, liveness, resolver, tokens, trial
from tenants.models.clients import LONGEST_TOKEN_LIFE_SECONDS, OAuthClient
from tests.architecture.sources import ROOT

DAY = 86_400
MINUTE = 60
SLOW = settings.SLOW_READER_SECONDS
DRAIN = settings.DRAIN_SECONDS
ZONES = {zone.name: zone for zone in default_zones()}
HANDSHAKES = ZONES["client_handshakes"]
END = f"`FLOODGATE_DRAIN_SECONDS` and {server.END_SECONDS} s more"
WEDGED = f"{child.WEDGED_SECONDS:g} s"
HIGH, LOW = (f"{size // KIB} KiB" for size in (splice.WRITE_HIGH_BYTES, splice.WRITE_LOW_BYTES))
LEASE, TIMEOUT, DECISION, DEMAND, RATE = (
    f"{seconds * 1000:g} ms"
    for seconds in (
        LEASE_SECONDS,
        pool.TIMEOUT_SECONDS,
        settings.STORE_DECISION_SECONDS,
        leases.AHEAD_SECONDS,
        leases.RATE_SECONDS,
    )
)
CONTENDED = f"{leases.AHEAD_CONTENDED_SECONDS * 1000:g} ms"
HORIZON = f"{granting.HORIZON_US / 1000:g} ms"
PROBES = "{:g} to {:g} ms".format(*(1000 * seconds for seconds in breaker.PROBE_SECONDS))

CLAIMS = {
    "explanation/architecture.md": [
        f"the request's head, for {door.HANDSHAKE_DEADLINE_SECONDS:g} s at the most",
        f"is over {HIGH}, nothing is read either, until it is under {LOW}",
        f"its own receive buffer to {settings.RECEIVE_BUFFER_BYTES // KIB} KiB (`FLOODGATE_RECEIVE_BUFFER_BYTES`)",
        f"not yet on its way under {liveness.UNSENT_BYTES // KIB} KiB (`UNSENT_BYTES`)",
        f"caps are asked again after {caps.SETTLE_SECONDS:g} s",
        f"the client's own Close frame has come, for {session.LINGER_SECONDS:g} s at the most",
        f"and waits {drain.CLOSE_SECONDS:g} s at the most",
    ],
    "explanation/shared-limits.md": [
        f"is given up {LEASE} (`LEASE_SECONDS`)",
        f"and its {LEASE} begin then",
        f"{leases.LEAST_LEASED / LEASE_SECONDS:g} a second or more: {leases.LEAST_LEASED} permits or more in {LEASE}",
        f"by the demand of the last {RATE}",
        f"of any rate, silent for {LEASE}",
        f"Up to {HORIZON} (`HORIZON`) of the future",
        f"let *L* be {LEASE}",
        f"no more than its demand of {DEMAND}, and while the zone is contended of {CONTENDED}",
        f"and every {holdings.SAY_AGAIN_SECONDS:g} s",
        f"without a heartbeat for {workers.ALIVE_SECONDS:g} s is dead",
        f"After {DECISION} (`FLOODGATE_STORE_DECISION_MILLISECONDS`)",
        f"a call was not answered within {TIMEOUT}, and a try after it neither",
        f"Every {PROBES} a process tries",
        f"one permit a process, and {HORIZON} of its part of the rate; and until all are back {TIMEOUT} of the rate",
        f"Caps are asked again after {caps.SETTLE_SECONDS:g} s",
        f"when it fell asleep: its demand of {DEMAND}",
    ],
    "how-to/a-client-gets-429.md": [
        f"and up to {denials.LARGEST_SPREAD_SECONDS} s more",
        f"q={HANDSHAKES.permits};w=1` | the limit: {HANDSHAKES.permits} in a window of 1 s",
        f"connects more than {HANDSHAKES.permits} times a second (burst {HANDSHAKES.burst})",
        f"the client has {ZONES['client_connections'].permits} connections open",
        f"all clients together have {ZONES['credential_connections'].permits} connections open with each",
        f"more than {settings.ADDRESS_HANDSHAKE_PERMITS} handshakes and HTTP requests a second",
    ],
    "how-to/a-client-gets-502-or-503.md": [
        f"no connection within {connecting.CONNECT_SECONDS:g} s, no answer within {link.HANDSHAKE_SECONDS:g} s",
        f"`no connection to <host>:<port> within {connecting.CONNECT_SECONDS:g} s`",
        f"`the platform did not answer the handshake within {link.HANDSHAKE_SECONDS:g} s`",
    ],
    "how-to/add-a-platform-connection.md": [
        f"may hold twice {ZONES['credential_connections'].permits} connections by default",
        f"tries the next, up to {('zero', 'one', 'two', 'three')[credentials.MOST_TRIED]}",
        f"gets no new connection for {tokens.ISOLATED_SECONDS:g} s",
        f"for at most {trial.TRIAL_SECONDS:g} s of waiting",
        f"`credential_connections` | {ZONES['credential_connections'].permits} |",
        "open connections close with 4432, handshakes",  # a code, no count
    ],
    "how-to/change-the-signing-key.md": [f"{LONGEST_TOKEN_LIFE_SECONDS // DAY} days are the most that can be set"],
    "how-to/connect-an-integration.md": [
        f"a message was larger than {settings.LARGEST_MESSAGE_BYTES // KIB // KIB} MiB",
    ],
    "how-to/drain-and-rolling-restart.md": [
        f"waits up to {drain.CLOSE_SECONDS:g} s for those that do not read",
        f"longer than {END}",
        f"one that sends none for {WEDGED} is killed",
        f"one that does not within {END} is killed",
        f"it has {END} to end",
        f"does not become ready within {child.READY_SECONDS:g} s, the roll stops",
        f"with 4 processes and a drain of {DRAIN} s",
    ],
    "how-to/give-a-client-its-own-limits.md": [
        f"{ZONES['client'].permits} messages a second, burst {ZONES['client'].burst}, delay {ZONES['client'].delay}",
    ],
    "how-to/read-the-metrics-and-logs.md": [
        f"with pauses of up to {backoff.LONGEST_RETRY_SECONDS:g} s",
        f"was not ready within {operations.PAGE_SECONDS:g} s",
        f"kept the event loop from its work for more than {watchdog.BLOCKED_SECONDS:g} s",
        f"longer than {sinks.LARGEST_DATAGRAM_BYTES // KIB} KiB, over TCP {sinks.LARGEST_FRAME_BYTES // KIB} KiB",
    ],
    "how-to/revoke-a-client.md": [
        f"until its end ({OAuthClient._meta.get_field('token_life_seconds').default // MINUTE} minutes by default)",  # noqa: SLF001 - Django documents it
    ],
    "reference/commands.md": [
        f"longer than its drain and {server.END_SECONDS} s more",
        f"went on in less than {events.AT_ONCE_NS / SECOND_NS * 1000:g} ms",
    ],
    "reference/faults.md": [
        f"408 after {door.HANDSHAKE_DEADLINE_SECONDS:g} s in all",
        f"gone within {session.CLOSE_ANSWER_SECONDS} s",
        f"more than {settings.MOST_FRAGMENTS} fragments",
        f"silence within {SLOW + liveness.CLIENT_GRACE_SECONDS} s",
        f"goes on for {session.FLUSH_SECONDS} s at the most",
        f"4413 after {SLOW} s, and torn down {session.LINGER_SECONDS:g} s later",
        f"503 after {connecting.CONNECT_SECONDS:g} s for the connection",
        f", {link.HANDSHAKE_SECONDS:g} s for the handshake",
        f"found within {5 * math.ceil((SLOW + liveness.PLATFORM_GRACE_SECONDS) / 5)} s; 4432",
        f"after {SLOW} s without room 4432",
        f"at most {HIGH} wait in the relay",
        f"the last good addresses for {resolver.LAST_GOOD_SECONDS / MINUTE:g} minutes",
        f"after {WEDGED} without a heartbeat",
        f"after {supervisor.FIRST_PAUSE_SECONDS:g} to {supervisor.LONGEST_PAUSE_SECONDS:g} s",
        f"within {DECISION} the policy says",
        f"caps are asked again after {caps.SETTLE_SECONDS:g} s",
    ],
    "reference/limits.md": [
        f"{LARGEST_PERIOD_NS // SECOND_NS // DAY} days ({LARGEST_PERIOD_NS // SECOND_NS:,}) at the most",
        f"`BREAK_NS`, {lines.BREAK_NS / SECOND_NS * 1000:g} ms",
        f"what comes back in {LEASE} more",
        f"Longer than the {workers.ALIVE_SECONDS:g} s",
        f"`QUIET_SECONDS` | {differences.QUIET_SECONDS} |",
        f"so {SLOW + liveness.PLATFORM_GRACE_SECONDS} and {SLOW + liveness.CLIENT_GRACE_SECONDS} s",
    ],
    "reference/metrics.md": [
        f"asked every {PROBES}",
        "in the fullest stretch of {} or {} seconds".format(*workers.WINDOWS_SECONDS),
    ],
    "reference/settings.md": [f"| sessions of people | {settings.SESSION_COOKIE_AGE // 3600} hours |"],
    "reference/telemetry.md": [
        f"by minute {rollups.MINUTES_KEPT_HOURS} hours, by hour {rollups.HOURS_KEPT_DAYS} days",
        f", by day {rollups.DAYS_KEPT_DAYS // 365} years",
        f"{episodes.EPISODES_KEPT_DAYS} days |",
        f"it said nothing for {processes.SILENT_SECONDS} seconds",
    ],
}
WHOLE = {  # pages that promise behaviour, each with its numbers that are examples or were measured
    "explanation/shared-limits.md": ["+ 1 messages", "Once every 250 ms"],
    "how-to/a-client-gets-429.md": [],
    "how-to/a-client-gets-502-or-503.md": [],
    "how-to/add-a-platform-connection.md": [],
    "how-to/drain-and-rolling-restart.md": [],
    "how-to/revoke-a-client.md": [],
    "reference/faults.md": [],
}
NUMBER = re.compile(
    r"(?<![\w.,:/-])\d[\d,]*(?:\.\d+)?[ -]?"
    r"(?:ms|s|seconds?|minutes?|hours?|days?|KiB|MiB|MB|bytes|%|fragments|times|connections|handshakes|messages)\b"
)
MEASURED = "## Under load"  # what tests measure there stands in their own figures
CLAIMED = [(page, claim) for page, claims in CLAIMS.items() for claim in claims]


def text_of(page):
    """A page without its code."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "claim"), CLAIMED, ids=[f"{page}: {claim}" for page, claim in CLAIMED])
def test_a_page_tells_a_number_as_the_code_has_it(page, claim):
    assert claim in text_of(page)


@pytest.mark.parametrize("page", WHOLE)
def test_no_number_of_a_page_that_promises_is_unclaimed(page):
    text = text_of(page).partition(MEASURED)[0]
    for known in [*CLAIMS[page], *WHOLE[page]]:
        text = text.replace(known, "")

    assert [text[max(0, found.start() - 60) : found.end() + 20] for found in NUMBER.finditer(text)] == []
