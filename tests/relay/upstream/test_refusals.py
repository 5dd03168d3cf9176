import time
from email.utils import formatdate

import pytest

from relay.platforms.answers import Refusal
from relay.upstream.link import LinkFailed, LinkRefused
from relay.upstream.refusals import denial_of_link, denial_of_token
from relay.upstream.token_requests import TokenUnavailable


def answered(status, **headers):
    """What a client is answered when the platform's socket refused so."""
    refused = LinkRefused(status, {name.replace("_", "-"): value for name, value in headers.items()})
    return summary(denial_of_link(refused, 2))


def without_token(refusal, retry_after_seconds=None):
    """What a client is answered when no token could be had."""
    unavailable = TokenUnavailable("why", refusal=refusal, retry_after_seconds=retry_after_seconds)
    return summary(denial_of_token(unavailable, 2))


def summary(denial):
    """Status, code, and when to come back."""
    return denial.status, denial.code, dict(denial.headers).get("retry-after")


def test_a_platform_that_throttles_is_429_with_its_time_to_come_back():
    assert answered(429, retry_after="7") == (429, "platform_throttled", "9")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_platform_that_cannot_serve_is_503_with_its_time_to_come_back(status):
    assert answered(status, retry_after="7") == (503, "platform_unavailable", "9")


@pytest.mark.parametrize("status", [401, 403])
def test_a_platform_that_does_not_accept_the_credential_is_502(status):
    assert answered(status, retry_after="7") == (502, "platform_refused", None)


@pytest.mark.parametrize("status", [100, 200, 302, 400, 404, 500, 599])
def test_a_platform_that_refuses_for_another_reason_is_502(status):
    assert answered(status) == (502, "platform_refused", None)


def test_a_platform_that_cannot_be_reached_is_503():
    assert summary(denial_of_link(LinkFailed("refused"), 2)) == (503, "platform_unreachable", "7")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["", "banana", "-5"])
def test_f31_without_a_word_that_makes_sense_the_client_comes_back_after_a_few_seconds(status, retry_after):
    assert answered(status, retry_after=retry_after)[2] == "7"


@pytest.mark.parametrize("retry_after", ["58", "3600", "999999999"])
def test_f31_a_client_is_told_a_minute_at_most(retry_after):
    told = [denial_of_link(LinkRefused(429, {"retry-after": retry_after}), spread) for spread in range(4)]

    assert [summary(denial)[2] for denial in told] == ["57", "58", "59", "60"]


def test_f31_a_date_is_understood():
    told = int(answered(429, retry_after=formatdate(time.time() + 30, usegmt=True))[2])

    assert 28 <= told <= 33


def test_f31_the_vendors_own_header_is_understood():
    assert answered(429, inin_ratelimit_reset="11")[2] == "13"


def test_clients_are_told_different_times():
    told = {summary(denial_of_link(LinkRefused(429, {"retry-after": "7"}), spread))[2] for spread in range(4)}

    assert told == {"7", "8", "9", "10"}


@pytest.mark.parametrize(
    ("refusal", "retry_after_seconds", "expected"),
    [
        (Refusal.CREDENTIAL, None, (502, "platform_refused", None)),
        (Refusal.OTHER, None, (502, "platform_refused", None)),
        (Refusal.THROTTLED, 7.2, (429, "platform_throttled", "10")),
        (Refusal.THROTTLED, None, (429, "platform_throttled", "7")),
        (Refusal.UNAVAILABLE, 7.0, (503, "platform_unavailable", "9")),
        (Refusal.UNAVAILABLE, None, (503, "platform_unreachable", "7")),
    ],
)
def test_without_a_token_the_answer_tells_why(refusal, retry_after_seconds, expected):
    assert without_token(refusal, retry_after_seconds) == expected


def test_a_refused_credential_tells_who_can_mend_it():
    denial = denial_of_token(TokenUnavailable("status 401", refusal=Refusal.CREDENTIAL), 0)

    assert "status 401" in denial.detail
    assert denial.detail.endswith("An administrator can renew it under Platform connections.")


def test_s9_what_the_platform_said_besides_stays_here():
    refused = denial_of_link(LinkRefused(403, {"set-cookie": "canary", "x-node": "canary"}), 0)
    failed = denial_of_link(LinkFailed("no connection to canary:443"), 0)

    assert "canary" not in f"{refused} {failed}"
