import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import OperationalError

from controlplane.oauth.admission import Admission
from controlplane.oauth.endpoint import Endpoint
from controlplane.oauth.messages import LARGEST_BODY_BYTES, Answer, Refused

FORM = (b"content-type", b"application/x-www-form-urlencoded")
BODY = b"client_id=id&client_secret=secret"


class Caller:
    """Asks one endpoint over ASGI, and counts how often it got as far as the database."""

    def __init__(self, answer):
        self.answer = answer
        self.looked_up = 0
        self.endpoint = Endpoint(self.respond, Admission(), ThreadPoolExecutor(1))

    def respond(self, _request):
        self.looked_up += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def ask(self, *parts, method="POST", headers=(FORM,), address="198.51.100.7"):
        scope = {"type": "http", "method": method, "path": "/oauth/token", "headers": headers, "client": (address, 1)}
        communicator = ApplicationCommunicator(self.endpoint, scope)
        for part in parts:
            await communicator.send_input({"type": "http.request", "body": part, "more_body": part is not parts[-1]})
        start = await communicator.receive_output()
        body = (await communicator.receive_output())["body"]
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body


@pytest.fixture
def caller():
    return Caller(Answer(200, {"access_token": "x"}))


@pytest.mark.asyncio
async def test_an_answer_is_json_that_nobody_stores(caller):
    status, headers, body = await caller.ask(BODY)

    assert (status, json.loads(body)) == (200, {"access_token": "x"})
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(body))


@pytest.mark.asyncio
async def test_an_answer_may_be_empty():
    status, headers, body = await Caller(Answer(200)).ask(BODY)

    assert (status, body, headers["content-length"]) == (200, b"", "0")
    assert "content-type" not in headers


@pytest.mark.asyncio
async def test_a_body_may_come_in_parts(caller):
    status, _, _ = await caller.ask(BODY[:5], BODY[5:20], BODY[20:])

    assert status == 200


@pytest.mark.asyncio
async def test_b43_the_largest_body_passes_and_one_byte_more_is_413(caller):
    filled = BODY + b"&x=" + b"a" * (LARGEST_BODY_BYTES - len(BODY) - 3)

    assert (await caller.ask(filled))[0] == 200
    assert (await caller.ask(filled + b"a"))[0] == 413
    assert caller.looked_up == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_b41_every_other_method_is_405(method, caller):
    status, headers, _ = await caller.ask(b"", method=method)

    assert (status, headers["allow"], headers["cache-control"]) == (405, "POST", "no-store")


@pytest.mark.asyncio
async def test_b42_a_flood_of_one_client_is_refused_before_any_lookup(caller, settings):
    settings.TOKEN_CLIENT_PERMITS, settings.TOKEN_CLIENT_BURST = 1, 5
    caller = Caller(Refused(401, "invalid_client", "Unknown."))

    answers = [await caller.ask(BODY) for _ in range(30)]

    assert [status for status, _, _ in answers[:6]] == [401] * 6
    assert caller.looked_up < 10
    status, headers, body = answers[-1]
    assert (status, json.loads(body)["error"]) == (429, "temporarily_unavailable")
    assert int(headers["retry-after"]) >= 1
    assert headers["cache-control"] == "no-store"


@pytest.mark.asyncio
async def test_who_floods_a_clients_id_from_elsewhere_does_not_keep_the_client_out(caller, settings):
    settings.TOKEN_CLIENT_PERMITS, settings.TOKEN_CLIENT_BURST = 1, 5
    caller = Caller(Answer(200))
    flood = [await caller.ask(BODY, address=f"203.0.113.{number % 3}") for number in range(60)]

    assert [status for status, _, _ in flood].count(429) > 30
    assert (await caller.ask(BODY, address="198.51.100.7"))[0] == 200


@pytest.mark.asyncio
async def test_who_guesses_a_secret_from_one_ipv6_network_is_held_as_one(settings):
    settings.TOKEN_CLIENT_PERMITS, settings.TOKEN_CLIENT_BURST = 1, 5
    caller = Caller(Refused(401, "invalid_client", "Unknown."))

    answers = [await caller.ask(BODY, address=f"2001:db8:1:2::{number:x}") for number in range(60)]

    assert caller.looked_up < 15
    assert answers[-1][0] == 429


@pytest.mark.asyncio
async def test_b42_a_flood_from_one_address_is_refused_whatever_id_it_names(settings):
    settings.TOKEN_ADDRESS_PERMITS, settings.TOKEN_ADDRESS_BURST = 1, 5
    caller = Caller(Refused(401, "invalid_client", "Unknown."))

    answers = [await caller.ask(b"client_secret=s&client_id=%d" % number) for number in range(100)]

    assert caller.looked_up < 50
    assert answers[-1][0] == 429


@pytest.mark.asyncio
async def test_malformed_requests_use_up_the_address_too(settings):
    settings.TOKEN_ADDRESS_PERMITS, settings.TOKEN_ADDRESS_BURST = 1, 5
    caller = Caller(Answer(200))

    statuses = [(await caller.ask(b"a=1&a=1"))[0] for _ in range(100)]

    assert statuses[:6] == [400] * 6
    assert 429 in statuses


@pytest.mark.asyncio
async def test_f23_without_its_store_it_says_when_to_come_back_and_nothing_else():
    status, headers, body = await Caller(OperationalError("database is locked: canary")).ask(BODY)

    assert (status, headers["retry-after"]) == (503, "5")
    assert b"canary" not in body


@pytest.mark.asyncio
async def test_a_request_that_ends_early_is_400(caller):
    scope = {"type": "http", "method": "POST", "path": "/oauth/token", "headers": [FORM], "client": ("198.51.100.7", 1)}
    communicator = ApplicationCommunicator(caller.endpoint, scope)
    await communicator.send_input({"type": "http.disconnect"})

    assert (await communicator.receive_output())["status"] == 400
