import gzip

import msgspec
import pytest
from cryptography.fernet import Fernet

from relay.platforms.answers import Refusal
from tests.relay import records
from tests.relay.upstream.asking import ANSWERS_THAT_ARE_NONE, OK, asked, order, refusal_of, source_of, with_credential
from tests.relay.upstream.conftest import CXONE_CREDENTIAL

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (400, Refusal.CREDENTIAL),
        (401, Refusal.CREDENTIAL),
        (403, Refusal.CREDENTIAL),
        (429, Refusal.THROTTLED),
        (503, Refusal.UNAVAILABLE),
        (204, Refusal.OTHER),
        (302, Refusal.OTHER),
        (404, Refusal.OTHER),
        (500, Refusal.OTHER),
    ],
)
async def test_a_refusal_is_sorted_by_its_status_and_names_it(tokens, genesys, simulator, status, refusal):
    order(simulator, status=status, headers={"Location": f"{simulator.url}/oauth/token"})

    error = await refusal_of(tokens, genesys)

    assert error.refusal is refusal
    assert f"the token endpoint answered {status}" in str(error)
    assert asked(simulator) == {str(status): 1}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("<html>Bad gateway</html>", "not JSON"),
        ([], "no access_token"),
        ({"access_token": "abc", "expires_in": 0}, "expires_in is '0'"),
        ({"access_token": "abc", "expires_in": -1}, "expires_in is '-1'"),
        ({"access_token": "a\r\nb", "expires_in": 600}, "no header can carry"),
        ("x" * (1024 * 1024 + 1), "longer than 1048576 bytes"),
    ],
    ids=["HTML", "array", "ended", "negative", "two lines", "huge"],
)
async def test_f34_an_answer_that_is_no_token_is_refused(tokens, genesys, simulator, body, refusal):
    order(simulator, status=200, body=body)

    error = await refusal_of(tokens, genesys)

    assert error.refusal is Refusal.OTHER
    assert refusal in str(error)


async def test_f34_a_token_that_does_not_say_when_it_ends_is_used(tokens, genesys, simulator):
    order(simulator, status=200, body={"access_token": "abc"})

    assert await tokens.token_for(source_of(genesys)) == "abc"


@pytest.mark.parametrize("pieces", ANSWERS_THAT_ARE_NONE.values(), ids=ANSWERS_THAT_ARE_NONE)
async def test_b66_an_answer_that_is_none_makes_the_platform_unavailable(tokens, endpoint_of, pieces):
    endpoint = await endpoint_of(*pieces)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert error.refusal is Refusal.UNAVAILABLE
    assert len(endpoint.requests) == 1


async def test_b66_a_small_answer_that_unpacks_to_a_huge_one_is_refused(tokens, endpoint_of):
    bomb = gzip.compress(b" " * 50 * 1024 * 1024)
    endpoint = await endpoint_of(OK, f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode(), bomb)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert error.refusal in (Refusal.OTHER, Refusal.UNAVAILABLE)


@pytest.mark.parametrize("pieces", [[b""], [b"x"] * 1000], ids=["silent", "a byte at a time"])
async def test_b66_an_answer_that_takes_too_long_is_not_waited_for(tokens, endpoint_of, monkeypatch, pieces):
    monkeypatch.setattr("relay.upstream.token_requests.REQUEST_SECONDS", 0.1)  # 10 s
    endpoint = await endpoint_of(OK, b"Content-Length: 1000\r\n\r\n", *pieces, closes=False)

    error = await refusal_of(tokens, records.platform_connection("", token_url=endpoint.url))

    assert (error.refusal, str(error)) == (Refusal.UNAVAILABLE, "no answer within 0.1 s")
    assert tokens.faults.timeouts == {"token": 1}


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "https://nowhere.invalid"])
async def test_f29_an_address_at_which_nobody_is_makes_the_platform_unavailable(tokens, address):
    error = await refusal_of(tokens, records.platform_connection("", token_url=address))

    assert error.refusal is Refusal.UNAVAILABLE


@pytest.mark.parametrize(
    "discovery",
    [b"", b"<html>", b"[]", b'{"token_endpoint": "/auth/token"}', b"[" * 100_000],
    ids=["empty", "HTML", "array", "no absolute address", "nested"],
)
async def test_a_discovery_document_without_a_token_endpoint_is_refused(tokens, cxone, endpoint_of, discovery):
    endpoint = await endpoint_of(OK, f"Content-Length: {len(discovery)}\r\n\r\n".encode(), discovery)

    account = msgspec.structs.replace(cxone, token_url=endpoint.url)
    error = await refusal_of(tokens, records.with_credential(account, CXONE_CREDENTIAL))

    assert error.refusal is Refusal.OTHER
    assert "discovery document" in str(error)


async def test_a_credential_that_lacks_a_part_asks_nobody(tokens, cxone, simulator):
    error = await refusal_of(tokens, with_credential(cxone))

    assert error.refusal is Refusal.CREDENTIAL
    assert str(error) == "the platform connection's credential lacks access_key_id"
    assert asked(simulator) == {}


@pytest.mark.parametrize(
    ("encrypted", "why"),
    [
        ("damaged", "FLOODGATE_CREDENTIAL_KEYS"),
        (Fernet(Fernet.generate_key()).encrypt(b"{}").decode(), "FLOODGATE_CREDENTIAL_KEYS"),
    ],
    ids=["damaged", "lost"],
)
async def test_a_credential_that_no_key_opens_asks_nobody(tokens, genesys, simulator, encrypted, why):
    [credential] = genesys.credentials
    unreadable = msgspec.structs.replace(credential, encrypted_secret=encrypted)

    error = await refusal_of(tokens, msgspec.structs.replace(genesys, credentials=(unreadable,)))

    assert error.refusal is Refusal.NOT_SENT
    assert why in str(error)
    assert asked(simulator) == {}


@pytest.mark.parametrize("field", ["token_url", "socket_url"])
async def test_b4_a_host_that_the_credential_was_not_entered_for_gets_nothing(tokens, genesys, endpoint_of, field):
    endpoint = await endpoint_of(OK)
    elsewhere = endpoint.url if field == "token_url" else f"ws{endpoint.url.removeprefix('http')}/{{channel}}"

    error = await refusal_of(tokens, msgspec.structs.replace(genesys, **{field: elsewhere}))

    assert error.refusal is Refusal.NOT_SENT
    assert "was entered for" in str(error)
    assert endpoint.requests == []


async def test_b4_a_token_that_is_kept_does_not_go_to_another_host_either(tokens, genesys):
    await tokens.token_for(source_of(genesys))

    error = await refusal_of(tokens, msgspec.structs.replace(genesys, socket_url="wss://evil.example/{channel}"))

    assert error.refusal is Refusal.NOT_SENT


async def test_b4_a_discovery_document_leads_to_no_foreign_host(tokens, cxone, simulator, endpoint_of):
    document = msgspec.json.encode({"token_endpoint": f"{simulator.url}/auth/token"})
    endpoint = await endpoint_of(OK, f"Content-Length: {len(document)}\r\n\r\n".encode(), document)
    account = msgspec.structs.replace(cxone, token_url=endpoint.url)

    error = await refusal_of(tokens, records.with_credential(account, CXONE_CREDENTIAL))

    assert error.refusal is Refusal.OTHER
    assert "only its own host" in str(error)
    assert asked(simulator) == {}


@pytest.mark.parametrize("body", [{"error": "invalid_client", "error_description": "canary is wrong"}, "canary"])
async def test_s9_a_refusal_never_shows_what_was_sent_or_said(tokens, genesys, simulator, caplog, body):
    caplog.set_level("DEBUG")
    order(simulator, status=401, body=body)

    error = await refusal_of(tokens, with_credential(genesys, client_secret="canary"))

    assert "canary" not in f"{error!r} {error.__cause__!r} {tokens!r} {caplog.text}"


@pytest.mark.parametrize("address", ["", "no address", "http://", "http://a..b/", "http://user:canary@[bad/"])
async def test_an_address_that_is_none_gets_no_credential_and_never_escapes_as_another_error(tokens, genesys, address):
    error = await refusal_of(tokens, msgspec.structs.replace(genesys, token_url=address))

    assert error.refusal is Refusal.NOT_SENT
    assert "leads to no address" in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize("body", ["[" * 100_000, {"error": "x" * 100_000}], ids=["nested", "long"])
async def test_a_refusal_with_an_odd_body_names_its_status_alone(tokens, genesys, simulator, body):
    order(simulator, status=400, body=body)

    assert str(await refusal_of(tokens, genesys)) == "the token endpoint answered 400"


async def test_a_certificate_that_is_none_is_told_with_the_field(tokens, genesys):
    error = await refusal_of(tokens, msgspec.structs.replace(genesys, ca_certificate="garbage"))

    assert error.refusal is Refusal.OTHER
    assert "CA certificate" in str(error)
