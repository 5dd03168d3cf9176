from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.oauth.messages import LONGEST_CLIENT_ID, MOST_PARAMETERS, OAuthRequest, Refused, parse_request

FORM = (b"content-type", b"application/x-www-form-urlencoded")
BODY = b"grant_type=client_credentials&client_id=id&client_secret=secret"


def basic(text):
    return (b"authorization", b"Basic " + b64encode(text.encode()))


def refused(headers, body):
    with pytest.raises(Refused) as refusal:
        parse_request(headers, body)
    return refusal.value.answer


def test_id_and_secret_may_stand_in_the_form():
    request = parse_request([FORM], BODY)

    assert (request.client_id, request.client_secret, request.uses_basic) == ("id", "secret", False)
    assert request.form["grant_type"] == "client_credentials"


def test_id_and_secret_may_stand_in_the_header():
    request = parse_request([FORM, basic("id:secret")], b"grant_type=client_credentials")

    assert (request.client_id, request.client_secret, request.uses_basic) == ("id", "secret", True)


def test_in_the_header_they_are_form_encoded_and_only_the_first_colon_divides():
    request = parse_request([FORM, basic("a%3Ab:c+d%25:e")], b"")

    assert (request.client_id, request.client_secret) == ("a:b", "c d%:e")


def test_a_charset_beside_the_content_type_is_no_fault():
    assert (
        parse_request([(b"content-type", b"Application/X-WWW-Form-Urlencoded; charset=UTF-8")], BODY).client_id == "id"
    )


def test_the_form_may_repeat_the_id_of_the_header():
    assert parse_request([FORM, basic("id:secret")], b"client_id=id").client_id == "id"


def test_as_many_parameters_as_allowed_pass_and_one_more_is_refused():
    extra = b"".join(b"&p%d=1" % number for number in range(MOST_PARAMETERS - 3))

    assert len(parse_request([FORM], BODY + extra).form) == MOST_PARAMETERS
    assert refused([FORM], BODY + extra + b"&one=more").status == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], BODY),
        ([(b"content-type", b"application/json")], b'{"grant_type": "client_credentials"}'),
        ([FORM, FORM], BODY),
        ([FORM], BODY + b"&client_id=id"),
        ([FORM], BODY + b"&scope=a&scope=b"),
        ([FORM], b"&".join(b"p=%d" % number for number in range(4000))),
        ([FORM], b"client_id=\xff&client_secret=x"),
        ([FORM], b"client_id=%ff&client_secret=x"),
        ([FORM, basic("id:secret")], b"client_secret=secret"),
        ([FORM, basic("id:secret")], b"client_id=other"),
        ([FORM, basic("id:secret"), basic("id:secret")], b""),
    ],
    ids=[
        "no-type",
        "json",
        "two-types",
        "id-twice",
        "scope-twice",
        "4000-parameters",
        "no-ascii",
        "no-utf-8",
        "secret-twice",
        "two-ids",
        "two-headers",
    ],
)
def test_b41_b43_a_malformed_request_is_400_invalid_request(headers, body):
    answer = refused(headers, body)

    assert (answer.status, answer.document["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body", [b"client_secret=", b"client_id=", b"client_id=&client_secret=&scope=", b"scope=&scope=a"]
)
def test_a_parameter_without_a_value_counts_as_left_out(body):
    request = parse_request([FORM, basic("id:secret")], body)

    assert (request.client_id, request.client_secret) == ("id", "secret")
    assert set(request.form.values()) <= {"a"}


@pytest.mark.parametrize(
    "body",
    [b"", b"client_id=id", b"client_secret=secret", b"client_id=&client_secret=secret", b"client_id=id&client_secret="],
)
def test_without_id_and_secret_it_is_401_without_a_challenge(body):
    answer = refused([FORM], body)

    assert (answer.status, answer.document["error"], dict(answer.headers)) == (401, "invalid_client", {})


@pytest.mark.parametrize(
    "value", [b"Bearer abc", b"Basic", b"Basic !!!", b"Basic " + b64encode(b"no colon"), b"Basic /w=="]
)
def test_b40_a_header_that_is_no_basic_is_401_with_a_challenge(value):
    answer = refused([FORM, (b"authorization", value)], b"grant_type=client_credentials")

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_an_id_that_no_client_can_have_is_refused_before_any_lookup():
    assert refused([FORM], b"client_secret=s&client_id=" + b"a" * (LONGEST_CLIENT_ID + 1)).status == 401
    assert refused([FORM], b"client_secret=s&client_id=a%00b").status == 401


def test_no_secret_stands_in_what_python_prints():
    assert "canary" not in repr(OAuthRequest({"client_secret": "canary"}, "id", "canary"))


@given(st.lists(st.tuples(st.sampled_from([b"content-type", b"authorization", b"x"]), st.binary())), st.binary())
def test_whatever_comes_is_understood_or_refused(headers, body):
    with suppress(Refused):
        assert isinstance(parse_request(headers, body), OAuthRequest)
