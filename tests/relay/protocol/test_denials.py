import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.protocol import denials
from relay.protocol.denials import Denial, Denied, scope_missing, token_invalid, too_many, varied


def headers_of(denial):
    return {name.decode(): value.decode() for name, value in denial.all_headers()}


def test_the_body_is_a_problem_document():
    denial = denials.forbidden("channel_forbidden", 'Client "crm-sync" may not use channel "billing".')

    assert json.loads(denial.body()) == {
        "type": "https://floodgate.example/problems/channel_forbidden",
        "title": "Forbidden",
        "status": 403,
        "detail": 'Client "crm-sync" may not use channel "billing".',
        "code": "channel_forbidden",
    }


def test_every_denial_is_a_problem_document_that_nobody_stores():
    headers = headers_of(denials.not_found())

    assert headers == {"content-type": "application/problem+json", "cache-control": "no-store"}


@pytest.mark.parametrize(
    ("denial", "status", "code"),
    [
        (denials.frames_too_early(), 400, "frames_too_early"),
        (denials.head_refused(431, "its headers are too long"), 431, "request_invalid"),
        (denials.method_not_allowed("Use GET.", "GET"), 405, "method_not_allowed"),
        (denials.handshake_too_slow(5.0), 408, "request_timeout"),
        (denials.upgrade_required(), 426, "upgrade_required"),
        (denials.version_not_spoken(), 426, "websocket_version"),
        (denials.failed(), 500, "internal_error"),
        (denials.relay_full("memory"), 503, "relay_full"),
        (denials.draining(), 503, "draining"),
        (denials.token_missing(), 401, "token_missing"),
        (token_invalid("The access token has ended."), 401, "invalid_token"),
        (scope_missing("webchat:send", "billing"), 403, "insufficient_scope"),
        (denials.forbidden("tenant_suspended", "This tenant is suspended."), 403, "tenant_suspended"),
        (denials.not_found(), 404, "channel_not_found"),
        (too_many("client", 1), 429, "rate_limited"),
        (denials.platform_busy(1), 429, "platform_throttled"),
        (denials.platform_refused("status 418"), 502, "platform_refused"),
        (denials.unavailable("store_unavailable", "Come back.", 1), 503, "store_unavailable"),
    ],
)
def test_every_denial_has_its_status_and_a_stable_code(denial, status, code):
    document = json.loads(denial.body())

    assert (denial.status, document["status"]) == (status, status)
    assert (denial.code, document["code"]) == (code, code)


def test_a_missing_token_is_challenged_without_an_error():
    assert headers_of(denials.token_missing())["www-authenticate"] == 'Bearer realm="floodgate"'


def test_a_wrong_token_is_challenged_with_what_is_wrong():
    challenge = headers_of(token_invalid("The access token has ended."))["www-authenticate"]

    assert challenge == (
        'Bearer realm="floodgate", error="invalid_token", error_description="The access token has ended."'
    )


def test_a_missing_scope_is_named_in_the_challenge():
    challenge = headers_of(scope_missing("webchat:send", "billing"))["www-authenticate"]

    assert challenge == 'Bearer realm="floodgate", error="insufficient_scope", scope="webchat:send"'


def test_too_many_says_which_zone_decided_and_when_to_come_back():
    denial = too_many("client", 3, quota="q=5;w=1", remaining="r=0;t=3")

    assert headers_of(denial)["retry-after"] == "3"
    assert headers_of(denial)["ratelimit-policy"] == '"client";q=5;w=1'
    assert headers_of(denial)["ratelimit"] == '"client";r=0;t=3'
    document = json.loads(denial.body())
    assert (document["violated-policies"], document["retry_after_ms"]) == (["client"], 3000)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"


def test_too_many_without_a_quota_has_no_ratelimit_fields():
    assert not [name for name in headers_of(too_many("client", 3)) if name.startswith("ratelimit")]


@pytest.mark.parametrize(("asked", "told"), [(-5, 1), (0, 1), (1, 1), (60, 60), (61, 60), (3600, 60)])
def test_nobody_is_told_to_stay_away_for_less_than_a_second_or_more_than_a_minute(asked, told):
    answers = [too_many("client", asked), denials.platform_busy(asked), denials.unavailable("busy", "Later.", asked)]

    assert [headers_of(denial)["retry-after"] for denial in answers] == [str(told)] * 3


@pytest.mark.parametrize("text", ['"', "\\", "\r\nset-cookie: a=b", "\0", "\x7f", "é", "…", "\ud800"])
def test_what_could_end_a_header_or_its_quotes_is_replaced(text):
    denial = token_invalid(f"Ended{text}.")

    assert headers_of(denial)["www-authenticate"].endswith(f'error_description="Ended{printable(text)}."')


@given(st.text(max_size=50))
def test_no_name_ends_a_header_or_its_quotes(name):
    for denial, harmless in zip(naming(name), naming("client"), strict=True):
        for (_, value), (_, usual) in zip(denial.all_headers(), harmless.all_headers(), strict=True):
            assert value.decode("ascii").isprintable()
            assert value.count(b'"') == usual.count(b'"')
            assert b"\\" not in value


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_body_tells_names_as_they_are(scope, channel):
    document = json.loads(scope_missing(scope, channel).body())

    assert f'Channel "{channel}" asks for scope "{scope}".' in document["detail"]


def test_a_denial_is_raised_as_denied():
    denial = Denial(503, "store_unavailable", "Come back later.")

    with pytest.raises(Denied, match="store_unavailable") as denied:
        raise Denied(denial)

    assert denied.value.denial is denial


def naming(name):
    return token_invalid(name), scope_missing(name, name), too_many(name, 1, "q=5;w=1", "r=0;t=1")


def printable(text):
    return "".join(character if " " <= character <= "~" and character not in '"\\' else "?" for character in text)


@pytest.mark.parametrize("spread", range(4))
def test_the_time_to_come_back_differs_between_clients_even_when_it_is_the_longest(spread):
    assert varied(5, spread) == 5 + spread
    assert varied(3600, spread) == 57 + spread
