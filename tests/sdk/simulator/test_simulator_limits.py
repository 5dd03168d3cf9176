"""The platforms' limits: connections for each token, messages a second, REST requests a minute."""

import json

import pytest
from floodgate_simulator.limits import SECOND_NS, FixedWindow, RateLimit
from hypothesis import given
from hypothesis import strategies as st

from tests.sdk.simulator.caller import answer_of, bearer, close_of

MS = 1_000_000


def test_a_rate_limit_at_rest_admits_burst_plus_one_then_says_when():
    limit = RateLimit(messages_per_second=100, burst=2)

    assert [limit.admit(0) // MS for _ in range(4)] == [0, 0, 0, 10]


def test_a_rate_limit_admits_again_when_it_said():
    limit = RateLimit(messages_per_second=100, burst=0)
    limit.admit(0)
    wait_ns = limit.admit(0)

    assert limit.admit(wait_ns - 1) == 1
    assert limit.admit(wait_ns) == 0


@given(st.lists(st.integers(0, 50 * MS), min_size=1, max_size=100))
def test_any_second_carries_at_most_the_rate_plus_burst_plus_one(gaps_ns):
    limit, now_ns, admitted = RateLimit(messages_per_second=100, burst=5), 0, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        if not limit.admit(now_ns):
            admitted.append(now_ns)

    for first in admitted:
        assert sum(first <= moment < first + SECOND_NS for moment in admitted) <= 106


def test_a_window_counts_from_its_first_request_and_tells_the_seconds_left():
    window = FixedWindow(allowed=2)

    states = [window.charge(now) for now in (5.0, 35.0, 64.5, 65.0)]

    assert [(state.count, state.reset_seconds, state.is_over) for state in states] == [
        (1, 60, False),
        (2, 30, False),
        (3, 1, True),
        (1, 60, False),
    ]


async def register(caller, platform="genesys", **limits):
    """A token of a credential with these limits."""
    login = {"platform": platform, "client_id": "acme", "client_secret": "secret"}
    answer = await caller.post("/control/credentials", json=login | limits)
    assert answer.status == 201, answer.told
    return await caller.token(("acme", "secret"))


@pytest.mark.asyncio
async def test_ten_connections_of_a_token_are_accepted_and_the_eleventh_is_429_in_genesys_form(caller):
    token = await caller.token()
    for _ in range(10):
        await caller.socket(token=token)

    refusal = await caller.refusal(token=token)

    assert refusal.status_code == 429
    assert json.loads(refusal.body)["code"] == "too.many.requests.retry.after"
    told = {name: refusal.headers[name] for name in ("Retry-After", "inin-ratelimit-count", "inin-ratelimit-allowed")}
    assert told == {"Retry-After": "1", "inin-ratelimit-count": "11", "inin-ratelimit-allowed": "10"}


@pytest.mark.asyncio
async def test_one_connection_too_many_is_429_in_cxone_s_form(caller_of):
    caller = await caller_of(connections_per_token=1, retry_after_seconds=7)
    token = await caller.cxone_token()
    await caller.socket("/realtime/t-1/orders", token)

    refusal = await caller.refusal("/realtime/t-1/orders", token)

    assert (refusal.status_code, refusal.headers["Retry-After"]) == (429, "7")
    assert json.loads(refusal.body)["error"]["errorCode"] == "TooManyRequests"


@pytest.mark.asyncio
async def test_another_token_has_connections_of_its_own(caller_of):
    caller = await caller_of(connections_per_token=1)

    await caller.socket()
    await caller.socket()

    assert (await caller.stats())["connections"]["open"] == 2


@pytest.mark.asyncio
async def test_a_closed_connection_makes_room(caller_of):
    caller = await caller_of(connections_per_token=1)
    token = await caller.token()
    await (await caller.socket(token=token)).close()
    await caller.stats_when(lambda stats: not stats["connections"]["open"])

    await caller.socket(token=token)

    assert (await caller.stats())["handshakes"] == {"101": 2}


@pytest.mark.asyncio
async def test_a_credential_may_have_a_connection_limit_of_its_own(caller):
    token = await register(caller, connections_per_token=0)

    assert (await caller.refusal(token=token)).status_code == 429


@pytest.mark.asyncio
async def test_messages_over_the_limit_close_with_1008_and_are_counted(caller_of):
    caller = await caller_of(messages_per_second=0.1, burst=2)
    socket = await caller.socket()

    for _ in range(4):
        await socket.send("x")

    assert await close_of(socket) == (1008, "rate limit exceeded")
    overall = (await caller.stats())["overall"]
    assert (overall["messages"], overall["over_limit"]) == (4, 1)


@pytest.mark.asyncio
async def test_messages_over_the_limit_may_be_answered_in_band_instead(caller_of):
    caller = await caller_of(messages_per_second=0.1, over_limit="answer")
    socket = await caller.socket()

    for number in range(2):
        await socket.send(json.dumps({"id": number}))
    acknowledged, refused = [json.loads(await answer_of(socket)) for _ in range(2)]

    assert acknowledged == {"type": "ack", "id": 0}
    assert (refused["code"], refused["body"]["retryAfter"]) == (429, 10)


@pytest.mark.asyncio
async def test_a_limit_by_connection_leaves_the_others_alone(caller_of):
    caller = await caller_of(messages_per_second=0.1)
    token = await caller.token()
    sockets = [await caller.socket(token=token) for _ in range(2)]

    for socket in sockets:
        await socket.send('{"id":1}')
        await answer_of(socket)

    assert (await caller.stats())["overall"]["over_limit"] == 0


@pytest.mark.asyncio
async def test_a_limit_by_credential_counts_all_its_connections_together(caller):
    token = await register(caller, messages_per_second=0.1, burst=0, limit_by="credential", over_limit="answer")
    sockets = [await caller.socket(token=token) for _ in range(2)]

    for socket in sockets:
        await socket.send('{"id":1}')
        await answer_of(socket)

    assert (await caller.stats())["by_credential"]["acme"]["over_limit"] == 1


@pytest.mark.asyncio
async def test_rest_answers_tell_the_window_of_their_token(caller_of):
    caller = await caller_of(api_requests_per_minute=2)
    token = await caller.token()

    answers = [await caller.get("/api/v2/tokens/me", headers=bearer(token)) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["inin-ratelimit-count"] for answer in answers] == ["1", "2", "3"]
    assert answers[2].headers["Retry-After"] == answers[2].headers["inin-ratelimit-reset"]


@pytest.mark.asyncio
async def test_another_token_has_a_window_of_its_own(caller_of):
    caller = await caller_of(api_requests_per_minute=1)

    answers = [await caller.get("/api/v2/tokens/me", headers=bearer(await caller.token())) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.asyncio
async def test_no_window_at_all_tells_nothing(caller_of):
    caller = await caller_of(api_requests_per_minute=0)

    answer = await caller.get("/api/v2/tokens/me", headers=bearer(await caller.token()))

    assert "inin-ratelimit-count" not in answer.headers
