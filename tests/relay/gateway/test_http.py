import asyncio
import json
import re
from base64 import b64encode

import aiohttp
import pytest
import pytest_asyncio

from tests.controlplane.running_web import running_web
from tests.relay.eventually import eventually
from tests.relay.integration import drop, raw_connection
from tests.relay.running import HOST, running_relay
from tests.tenants.factories import SECRET, ClientFactory

pytestmark = pytest.mark.asyncio
FORM = {"grant_type": "client_credentials", "scope": "chat"}
GIVEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
NOWHERE = f"http://{HOST}:1"


class Web:
    """Stands for web: answers every request with the same bytes, and keeps what it was asked."""

    def __init__(self):
        self.answer = GIVEN
        self.heads = []
        self.bodies = []

    async def take(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").lower().split("\r\n")[1:-2])
        self.heads.append((head.split(b" HTTP", 1)[0].decode(), fields))
        self.bodies.append(await reader.readexactly(int(fields.get("content-length", 0))))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def web(settings):
    """What the relay takes for web."""
    web = Web()
    server = await asyncio.start_server(web.take, HOST, 0)
    settings.TOKEN_FORWARD_URL = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    yield web
    server.close()
    await server.wait_closed()


@pytest_asyncio.fixture
async def http():
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
def ask(http, relay):
    """Asks the relay; gives status, headers and body."""

    async def ask(path, method="GET", at=relay, **options):
        async with http.request(method, at.url + path, **options) as answer:
            return answer.status, answer.headers, await answer.read()

    return ask


@pytest.fixture
def ask_token(ask, web):
    """Asks the relay for a token, from web."""

    async def ask_token(**options):
        return await ask("/oauth/token", "POST", **({"data": FORM} | options))

    return ask_token


async def test_a_relay_is_alive(ask):
    status, headers, body = await ask("/livez")

    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("application/json", "no-store")


async def test_a_slash_at_the_end_changes_nothing(ask):
    assert (await ask("/livez/"))[0] == 200


async def test_head_is_answered_without_a_body(ask):
    status, headers, body = await ask("/livez", "HEAD")

    assert (status, headers["Content-Length"], body) == (200, "16", b"")


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/livez/deeper", "/oauth", "/oauth/token/more", "/metrics", "/readyz", "//oauth/token"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_any_other_path_is_answered_404_with_what_there_is_and_without_a_name(ask, path, method):
    status, _, body = await ask(path, method)

    assert status == 404
    assert json.loads(body) == {"detail": "The relay answers WebSocket paths, /oauth/token and /livez."}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "FETCH"])
async def test_any_other_method_is_answered_405_with_what_is_allowed(ask, method):
    status, headers, _ = await ask("/livez", method)

    assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_a_token_request_is_answered_by_web(ask_token, web):
    web.answer = GIVEN.replace(b"200 OK", b"401 Unauthorized")

    status, headers, body = await ask_token()

    assert (status, headers["Content-Type"], body) == (401, "application/json", b"{}")
    assert web.heads[0][0] == "POST /oauth/token"
    assert web.bodies == [b"grant_type=client_credentials&scope=chat"]


async def test_s26_web_sees_the_credentials_the_kind_of_body_and_the_real_address(ask_token, web):
    spoofed = {"Authorization": "Basic YTpi", "X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"}

    await ask_token(headers=spoofed | {"Cookie": "sessionid=canary", "X-OAuth-Client-Id": "canary"})

    [(_, fields)] = web.heads
    assert (fields["authorization"], fields["content-type"]) == ("basic ytpi", "application/x-www-form-urlencoded")
    assert fields["x-forwarded-for"] == HOST
    assert not {"cookie", "forwarded", "x-oauth-client-id"} & set(fields)


async def test_of_webs_answer_only_the_listed_headers_come_back(ask_token, web):
    listed = b"WWW-Authenticate: Basic\r\nRetry-After: 3\r\nPragma: no-cache\r\nCache-Control: private\r\n"
    web.answer = GIVEN.replace(b"\r\n\r\n", b"\r\nSet-Cookie: canary=1\r\nServer: web\r\n" + listed + b"\r\n")

    _, headers, _ = await ask_token()

    assert not {"Set-Cookie", "Server"} & set(headers)
    assert (headers["WWW-Authenticate"], headers["Retry-After"], headers["Pragma"]) == ("Basic", "3", "no-cache")
    assert headers.getall("Cache-Control") == ["private"]


async def test_b66_webs_redirect_is_passed_back_and_not_followed(ask_token, web):
    web.answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    status, headers, _ = await ask_token(allow_redirects=False)

    assert (status, headers.get("Location"), len(web.heads)) == (302, None, 1)


async def test_b43_a_body_of_16_kib_is_passed_on(ask_token, web):
    await ask_token(data=b"x" * 16_384)

    assert web.bodies == [b"x" * 16_384]


async def test_b43_a_body_that_is_one_byte_longer_is_refused_with_413(ask_token, web):
    status, _, body = await ask_token(data=b"x" * 16_385)

    assert (status, json.loads(body)["error"]) == (413, "invalid_request")
    assert not web.heads


async def test_b43_a_body_whose_end_never_comes_is_refused_once_it_is_too_long(web, relay):
    endless = await raw_connection(relay.port)
    endless.send(b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n")
    endless.send(b"5000\r\n" + bytes(0x5000) + b"\r\n")

    assert await endless.read_status() == 413

    await drop(endless.writer)
    assert not web.heads


@pytest.mark.parametrize("length", [16_385, 99_999_999_999])
async def test_b43_a_body_that_is_announced_too_long_is_refused_before_it_comes(web, relay, length):
    waiting = await raw_connection(relay.port)
    waiting.send(b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: %d\r\n\r\n" % length)

    assert await waiting.read_status() == 413

    await drop(waiting.writer)
    assert not web.heads


async def test_web_that_is_away_is_answered_503_with_a_time_to_come_back(ask, settings):
    settings.TOKEN_FORWARD_URL = NOWHERE

    status, headers, body = await ask("/oauth/token", "POST", data=FORM)

    assert (status, json.loads(body)["code"]) == (503, "token_endpoint_unreachable")
    assert (headers["Retry-After"], headers["Content-Type"]) == ("2", "application/problem+json")


@pytest.mark.parametrize("answer", [b"", b"canary\r\n\r\n"], ids=["nothing", "no_http"])
async def test_b66_an_answer_of_webs_that_is_none_is_answered_503(ask_token, web, answer):
    web.answer = answer

    status, _, body = await ask_token()

    assert (status, b"canary" in body) == (503, False)


async def test_b42_token_requests_are_limited_by_address_before_web_hears_of_them(relays_redis_url, ask_token, web):
    with running_relay(relays_redis_url, ADDRESS_HANDSHAKE_PERMITS=1, ADDRESS_HANDSHAKE_BURST=2) as relay:
        answers = [await ask_token(at=relay) for _ in range(5)]

    assert [status for status, _, _ in answers[:3]] == [200] * 3
    status, headers, body = answers[-1]
    assert (status, json.loads(body)["violated-policies"]) == (429, ["address_handshakes"])
    assert headers["RateLimit-Policy"] == '"address_handshakes";q=1;w=1'
    assert len(web.heads) == [status for status, _, _ in answers].count(200)


async def test_a_request_whose_sender_leaves_before_its_end_is_not_passed_on(web, relay):
    leaver = await raw_connection(relay.port)
    leaver.send(b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n\r\ngrant_type=")
    await eventually(lambda: relay.server.server_state.tasks)

    await drop(leaver.writer)

    await eventually(lambda: not relay.server.server_state.tasks)
    assert not web.heads


async def test_b10_a_token_request_whose_body_never_comes_is_answered_408(relay, monkeypatch):
    monkeypatch.setattr("relay.gateway.http.BODY_SECONDS", 0.1)  # 5 s
    client = await raw_connection(relay.port)
    client.send(b"POST /oauth/token HTTP/1.1\r\nHost: relay\r\nContent-Length: 10\r\n\r\ngrant")

    assert await client.read_status() == 408
    await drop(client.writer)


BASIC, WRONG = "Basic {right}", f"Basic {b64encode(b'nobody:wrong').decode()}"
GRANT = "grant_type=client_credentials"
POSTED = "Content-Type: application/x-www-form-urlencoded"
FORMS = (
    *(GRANT, f"{GRANT}&scope=", f"{GRANT}&scope=nothing", f"{GRANT}&scope=a&scope=b", f"{GRANT}&scope=%ff", ""),
    *("grant_type=", "grant_type=password", f"{GRANT}&grant_type=client_credentials", "grant_type", "&&&", "%", "é"),
    *(f"{GRANT}&client_id=", f"{GRANT}&client_id=other", f"{GRANT}&client_secret=", f"{GRANT}&client_secret=x"),
    *(
        f"{GRANT}&{'a=1&' * 40}",
        f"{GRANT}&a={'x' * 17_000}",
        f"{GRANT}&a={'x' * 16_000}",
        f"{GRANT}&resource=https://a",
    ),
)
AUTHORIZATIONS = (
    *("", "Basic", "Basic !", "Basic Og==", "Bearer abc", "basic {right}", "BASIC  {right} ", "Digest a=b", WRONG),
    *("Basic {right},Basic {right}", "Basic {right} more", "Negotiate", "Basic " + "A" * 5_000, "{right}"),
)
TYPES = (
    *("", "Content-Type:", "Content-Type: application/json", f"{POSTED}; charset=utf-8", f"{POSTED.upper()}"),
    *("Content-Type: text/plain", f"{POSTED}\r\n{POSTED}"),
)
METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
TOKEN_REQUESTS = [
    *(("POST", f"Authorization: {BASIC}\r\n{POSTED}", form) for form in FORMS),
    *(("POST", f"Authorization: {each}\r\n{POSTED}" if each else POSTED, GRANT) for each in AUTHORIZATIONS),
    *(("POST", f"Authorization: {BASIC}\r\n{each}" if each else f"Authorization: {BASIC}", GRANT) for each in TYPES),
    *((method, f"Authorization: {BASIC}\r\n{POSTED}", GRANT) for method in METHODS),
    *((method, "Accept: */*", "") for method in METHODS),
    ("POST", f"Authorization: {BASIC}\r\nAuthorization: {BASIC}\r\n{POSTED}", GRANT),
    ("POST", f"Authorization: {WRONG}\r\nAuthorization: {BASIC}\r\n{POSTED}", GRANT),
    ("POST", POSTED, f"{GRANT}&client_id={{client}}&client_secret={{secret}}"),
    ("POST", POSTED, f"{GRANT}&client_id={{client}}&client_secret=wrong"),
    ("POST", POSTED, f"{GRANT}&client_id={{client}}"),
    ("POST", f"{POSTED}\r\nOrigin: https://pages.example", GRANT),
]
GIVEN_LENGTH = f"Content-Length: {len(GRANT)}"
LOGGED_IN = f"Host: localhost\r\nAuthorization: {BASIC}\r\n{POSTED}"
POST = "POST /oauth/token HTTP/1.1\r\n"
OTHERWISE = [  # whole requests, of which HTTP itself makes something else than the plain ones above
    f"{POST}Authorization: {BASIC}\r\n{POSTED}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",  # no Host
    f"POST /oauth/token HTTP/1.0\r\nAuthorization: {BASIC}\r\n{POSTED}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}Host: a b\r\n{POSTED}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nX-Folded: a\r\n b\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}Host: localhost\r\nAuthorization: Basic\r\n {{right}}\r\n{POSTED}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nno colon\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nX-Space : a\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nX-Nul: a\0b\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nExpect: gold\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    f"{POST}{LOGGED_IN}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n",
    f"{POST}{LOGGED_IN}\r\nTransfer-Encoding: chunked\r\n\r\n1d;a=b\r\n{GRANT}\r\n0\r\nX-Trailer: a\r\n\r\n",
    f"{POST}{LOGGED_IN}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    f"POST /oauth/token HTTP/1.0\r\n{LOGGED_IN}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    *(
        f"{POST}{LOGGED_IN}\r\nContent-Length: {length}\r\n\r\n{GRANT}"
        for length in ("-1", "+29", "29, 29", "0x1d", "", "9" * 20)
    ),
    f"CONNECT /oauth/token HTTP/1.1\r\n{LOGGED_IN}\r\n\r\n",
    "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    f"post /oauth/token HTTP/1.1\r\n{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"PROPFIND /oauth/token HTTP/1.1\r\n{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    *(
        f"POST /oauth/token HTTP/{version}\r\n{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}"
        for version in ("1.2", "2.0")
    ),
    "POST /oauth/token\r\n\r\n",
    f"\r\n\r\n{POST}{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"POST http://localhost/oauth/token HTTP/1.1\r\n{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"POST /oauth/token?{'a' * 9_000} HTTP/1.1\r\n{LOGGED_IN}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\n{'X-Many: a' + chr(13) + chr(10)}{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\n" + "X-Many: a\r\n" * 130 + f"{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nX-Long: {'a' * 30_000}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nX-Long: {'a' * 70_000}\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
    f"{POST}{LOGGED_IN}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n{GIVEN_LENGTH}\r\n\r\n{GRANT}",
]
COMPARED = ("content-type", "allow", "www-authenticate", "retry-after", "cache-control", "pragma", "connection")


@pytest.fixture
def known(transactional_db):
    """A client that web knows: its id, its secret, and both as HTTP Basic has them."""
    client = ClientFactory.create()
    right = b64encode(f"{client.client_id}:{SECRET}".encode()).decode()
    return {"client": client.client_id, "secret": SECRET, "right": right}


@pytest.fixture
def real_web(known, test_database, redis_url, settings):
    """Web itself, behind the relay."""
    plenty = {f"FLOODGATE_TOKEN_{whose}_BURST": "10000" for whose in ("ADDRESS", "CLIENT")}
    with running_web(DATABASE_URL=test_database, REDIS_URL=redis_url, **plenty) as web:
        settings.TOKEN_FORWARD_URL = f"http://{HOST}:{web.port}"
        yield web


async def test_every_token_request_is_answered_by_relay_and_web_alike(relay, real_web, known):
    differing, statuses = [], set()
    for method, request in [*plain_requests(known), *(("POST", each.format(**known).encode()) for each in OTHERWISE)]:
        answers = [await answer_at(port, request, method) for port in (relay.port, real_web.port)]

        statuses.add(answers[0][0])
        if answers[0] != answers[1]:
            differing.append((request[:300], *answers))
    assert not differing
    assert statuses == {"200", "400", "401", "405", "413", "414", "431"}


def plain_requests(known):
    """The requests of the table, each with its method."""
    for method, headers, form in TOKEN_REQUESTS:
        body = form.format(**known).encode()
        head = f"{method} /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        yield method, f"{head}{headers.format(**known)}\r\n\r\n".encode() + body


async def answer_at(port, request, method):
    """Status, the headers that count, and the body, in which each token is another."""
    caller = await raw_connection(port)
    caller.send(request)
    head = (await caller.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:-2] if ": " in line)
    length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
    body = await caller.reader.readexactly(length)
    await drop(caller.writer)
    counting = (
        COMPARED[:-1] if b" HTTP/1.0\r\n" in request else COMPARED
    )  # where both close, whether they say so or not
    told = {name: headers[name] for name in counting if name in headers}
    return head[0].split(" ")[1], told, re.sub(rb'"access_token":"[^"]+"', b"", body)
