import json
from base64 import b64decode
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.platforms.answers import PlatformToken, TokenAnswerUnusable
from relay.platforms.tokens import LONGEST_LIFE_SECONDS, basic_authorization, read_token, retry_after_seconds

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def answer(**members):
    return json.dumps(members).encode()


def retry_after(value, name="retry-after"):
    return retry_after_seconds({name: value}, NOW)


def test_an_answer_holds_a_token_and_how_long_it_lives():
    assert read_token(answer(access_token="abc", expires_in=86_399)) == PlatformToken("abc", 86_399.0)


def test_a_token_that_does_not_say_how_long_it_lives_is_used_for_ten_minutes():
    assert read_token(answer(access_token="abc")) == PlatformToken("abc", 600.0)


@pytest.mark.parametrize(
    ("said", "seconds"), [("3600", 3600.0), (0.5, 0.5), (1, 1.0), ("3599.5", 3599.5), (" 60 ", 60.0)]
)
def test_a_life_may_be_a_number_or_a_number_in_a_string(said, seconds):
    assert read_token(answer(access_token="abc", expires_in=said)).life_seconds == seconds


@pytest.mark.parametrize("said", [None, ""])
def test_a_life_that_says_nothing_is_as_if_it_were_left_out(said):
    assert read_token(answer(access_token="abc", expires_in=said)).life_seconds == 600.0


@pytest.mark.parametrize("said", ["9" * 5_000, 10**400, float("inf")], ids=["text", "number", "infinity"])
def test_an_absurd_life_is_taken_for_a_year(said):
    assert read_token(answer(access_token="abc", expires_in=said)).life_seconds == LONGEST_LIFE_SECONDS


@pytest.mark.parametrize(
    "said", [0, -1, "0", "0.0", "-1", "soon", "²", "1.", ".5", "1e3", True, [], {}, float("nan")], ids=repr
)
def test_a_life_that_is_none_is_refused(said):
    with pytest.raises(TokenAnswerUnusable, match="expires_in is"):
        read_token(answer(access_token="abc", expires_in=said))


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe\xfd", b"[" * 100_000])
def test_what_is_not_json_is_refused(body):
    with pytest.raises(TokenAnswerUnusable, match="not JSON"):
        read_token(body)


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"7", b'"abc"', b"{}", b'{"access_token": 7}', b'{"access_token": ""}']
)
def test_an_answer_without_a_token_is_refused(body):
    with pytest.raises(TokenAnswerUnusable, match="no access_token"):
        read_token(body)


@pytest.mark.parametrize("token", ["a b", "a\r\nx-evil: 1", "a\n", "\0", "é", "\u2028"])
def test_a_token_that_no_header_can_carry_is_refused(token):
    with pytest.raises(TokenAnswerUnusable, match="no header can carry"):
        read_token(answer(access_token=token))


def test_a_token_that_is_too_long_for_a_header_is_refused():
    with pytest.raises(TokenAnswerUnusable, match="longer than 16384"):
        read_token(json.dumps({"access_token": "x" * 16_385}).encode())


def test_a_refusal_never_shows_the_token():
    with pytest.raises(TokenAnswerUnusable) as refused:
        read_token(answer(access_token="s3cret", expires_in=-1))

    assert "s3cret" not in str(refused.value)


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_token_endpoint_answers_raises_nothing_else(body):
    with pytest.raises(TokenAnswerUnusable):
        read_token(body)


@given(expires_in=json_values)
def test_every_token_that_is_read_lives(expires_in):
    try:
        token = read_token(answer(access_token="abc", expires_in=expires_in))
    except TokenAnswerUnusable:
        return

    assert 0 < token.life_seconds <= LONGEST_LIFE_SECONDS


@given(st.text(max_size=20), st.text(max_size=20))
def test_id_and_secret_can_be_told_apart_whatever_they_hold(client_id, client_secret):
    kind, _, encoded = basic_authorization(client_id, client_secret).partition(" ")

    parts = [unquote(part) for part in b64decode(encoded).decode("ascii").split(":")]
    assert (kind, parts) == ("Basic", [client_id, client_secret])


@pytest.mark.parametrize(
    ("value", "seconds"), [("2.5", 3.0), ("2.000001", 3.0), ("2.0", 2.0), ("0.1", 1.0), (" 20 ", 20.0)]
)
def test_parts_of_seconds_to_stay_away_are_rounded_up(value, seconds):
    assert retry_after(value) == seconds


@pytest.mark.parametrize("name", ["retry-after", "inin-ratelimit-reset", "x-ratelimit-reset"])
def test_seconds_to_stay_away_are_read_from_every_header_that_tells_them(name):
    assert retry_after("17", name) == 17.0


@pytest.mark.parametrize(
    "value",
    [
        "Tue, 14 Nov 2023 22:15:20 GMT",
        "Tue, 14 Nov 2023 22:15:20 -0000",
        "Tue, 14 Nov 2023 22:15:20",
        "Tue, 14 Nov 2023 23:15:20 +0100",
        "1700000120",
        "1700000120000",
        " 120 ",
    ],
)
def test_dates_epochs_and_milliseconds_are_understood(value):
    assert retry_after(value) == 120.0


def test_retry_after_is_trusted_first_then_the_vendors_header_then_the_usual_one():
    headers = {"x-ratelimit-reset": "3", "inin-ratelimit-reset": "2", "retry-after": "1"}

    told = [retry_after_seconds(dict(list(headers.items())[:count]), NOW) for count in (1, 2, 3)]

    assert told == [3.0, 2.0, 1.0]


def test_a_header_that_makes_no_sense_gives_way_to_the_next():
    assert retry_after_seconds({"retry-after": "soon", "inin-ratelimit-reset": "9"}, NOW) == 9.0


@pytest.mark.parametrize(
    "value", ["0", "1", "Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2000 22:13:20 GMT", "1600000000"]
)
def test_no_time_and_time_gone_by_mean_a_second(value):
    assert retry_after(value) == 1.0


@pytest.mark.parametrize(
    "value", ["3600", "3601", "999999999", "9" * 400, "Tue, 14 Nov 2090 22:13:20 GMT", "1800000000"]
)
def test_nothing_is_believed_beyond_an_hour(value):
    assert retry_after(value) == 3600.0


@pytest.mark.parametrize("value", ["", "-5", "soon", "²", "0x10", "Tue, 14 Nov 99999 22:13:20 GMT"])
def test_garbage_says_nothing(value):
    assert retry_after(value) is None


def test_no_header_says_nothing():
    assert retry_after_seconds({}, NOW) is None


@given(
    st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [+-]?\d{0,25}")
)
@example("Tue, 14 Nov 2023 22:13:20 +9999999999999999999")
def test_whatever_a_header_says_is_no_time_or_one_from_a_second_to_an_hour(value):
    seconds = retry_after(value)

    assert seconds is None or 1.0 <= seconds <= 3600.0
