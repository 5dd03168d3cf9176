import os
import re
import select
import socket
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from controlplane.web.channel import LARGEST_BODY_BYTES
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.slow
KIB, MIB = 1024, 1024 * 1024
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TOKEN = b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
ASKED = TOKEN + b"Content-Length: 3\r\n\r\na=b"


def connection(web):
    return closing(socket.create_connection(("127.0.0.1", web.port), timeout=20))


def answers(plug):
    """All that comes until the end; a reset is an end too."""
    received = b""
    with suppress(ConnectionError):
        while piece := plug.recv(64 * KIB):
            received += piece
    return received


def statuses(web, *pieces):
    """The statuses of all answers on one connection that sent ``pieces``, until it ends."""
    with connection(web) as plug:
        with suppress(ConnectionError):
            for piece in pieces:
                plug.sendall(piece)
        return re.findall(rb"HTTP/1.1 (\d+)", answers(plug))


def memory_bytes(web):
    pages = int(Path(f"/proc/{web.process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def endless(web, framing, piece):
    """The statuses of one who sends 300 MiB of body, for as long as it is let."""
    with connection(web) as plug:
        plug.sendall(TOKEN + framing)
        with suppress(ConnectionError):
            for _ in range(300 * MIB // len(piece)):
                plug.sendall(piece)
                if select.select([plug], [], [], 0)[0]:
                    break
        return re.findall(rb"HTTP/1.1 (\d+)", answers(plug))


@pytest.mark.parametrize(
    ("framing", "piece"),
    [
        (b"Content-Length: 314572800\r\n\r\n", b"a" * 64 * KIB),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 64 * KIB + b"\r\n"),
    ],
    ids=["length", "chunks"],
)
def test_a_body_of_300_mib_is_refused_before_it_is_kept(web, framing, piece):
    web.ask("/livez")
    before = memory_bytes(web)

    assert endless(web, framing, piece) == [b"413"]

    assert memory_bytes(web) - before < 8 * MIB
    assert web.ask("/livez")[0] == 200


def test_the_largest_body_is_let_in_and_one_byte_more_is_not(web):
    end = b"Connection: close\r\nContent-Length: %d\r\n\r\n"
    nowhere = TOKEN.replace(b"/oauth/token", b"/nowhere")

    allowed = statuses(web, nowhere + end % LARGEST_BODY_BYTES, b"a" * LARGEST_BODY_BYTES)
    refused = statuses(web, nowhere + end % (LARGEST_BODY_BYTES + 1), b"a" * (LARGEST_BODY_BYTES + 1))

    assert (allowed, refused) == ([b"404"], [b"413"])


def test_800_heads_that_come_byte_by_byte_are_gone_after_the_deadline_and_others_are_answered(web):
    with ExitStack() as stack:
        dripping = {stack.enter_context(connection(web)) for _ in range(800)}
        for plug in dripping:
            plug.settimeout(0)
        while dripping:
            for plug in list(dripping):
                with suppress(BlockingIOError, ConnectionError):
                    plug.send(LIVEZ[:1])
                    if plug.recv(4 * KIB):
                        continue
                    dripping.discard(plug)
            assert web.ask("/livez")[0] == 200
            assert web.ask("/oauth/token", form=b"a=b")[0] == 400


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nHo", TOKEN + b"Content-Length: 10\r\n\r\na"])
def test_a_request_that_does_not_come_in_time_is_answered_408(web, begun):
    assert statuses(web, begun) == [b"408"]


def test_a_connection_that_waits_longest_gives_its_place_to_a_newcomer(web_with_few_files):
    web = web_with_few_files
    with ExitStack() as stack:
        idle = [stack.enter_context(connection(web)) for _ in range(40)]

        assert web.ask("/livez")[0] == 200
        assert answers(idle[0]) == b""


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Type: a/b\r\n",
        b"Content-Length: 3\r\nHost: other\r\n",
        b"Content-Length: 3\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic YTpj\r\n",
    ],
    ids=["length_and_chunks", "two_lengths", "two_types", "two_hosts", "two_authorizations"],
)
def test_a_request_that_can_be_understood_in_two_ways_is_refused_and_its_socket_ends(web, headers):
    assert statuses(web, TOKEN + headers + b"\r\na=b" + LIVEZ) == [b"400"]


def test_requests_that_come_together_are_answered_in_order(web):
    last = LIVEZ.replace(b"Host", b"Connection: close\r\nHost")

    assert statuses(web, LIVEZ, TOKEN + b"Content-Length: 3\r\n\r\na=b", last) == [b"200", b"401", b"200"]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (LIVEZ, [b"200"]),
        (ASKED, [b"401"]),
        (ASKED.replace(b"Host", b"Connection: close\r\nHost"), [b"401"]),
        (ASKED * 2 + LIVEZ, [b"401", b"401", b"200"]),
        (ASKED + ASKED[:-1], [b"401"]),
        (ASKED[:-1], []),
        (b"GET /livez HTTP/1.1\r\nHost: a", []),
        (b"garbage\r\n\r\n", [b"400"]),
        (TOKEN + b"Content-Length: 999999\r\n\r\na", [b"413"]),
    ],
    ids=["get", "post", "the_last", "several", "a_second_half", "half_a_body", "half_a_head", "garbage", "refused"],
)
def test_who_sends_no_more_gets_an_answer_to_each_whole_request_and_then_the_end(web, sent, answered):
    with connection(web) as plug:
        plug.sendall(sent)
        plug.shutdown(socket.SHUT_WR)

        assert re.findall(rb"HTTP/1.1 (\d+)", answers(plug)) == answered


def test_20_000_requests_whose_answers_nobody_reads_cost_no_memory(web):
    web.ask("/livez")
    before = memory_bytes(web)
    with connection(web) as plug:
        plug.settimeout(1)
        with suppress(TimeoutError, ConnectionError):
            plug.sendall(LIVEZ * 20_000)
        assert web.ask("/livez")[0] == 200
        assert memory_bytes(web) - before < 16 * MIB


def test_no_websocket_is_opened(web):
    upgrade = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert statuses(web, upgrade) == [b"404"]


@pytest.mark.parametrize("library", ["twisted", "daphne"])
def test_the_libraries_are_those_whose_classes_were_read(library):
    assert f"{library}=={version(library)} \\" in (ROOT / "requirements.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "request_bytes",
    [
        TOKEN.replace(b"application/x-www-form-urlencoded", b"multipart/form-data") + b"Content-Length: 1\r\n\r\nx",
        TOKEN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        TOKEN + b"Transfer-Encoding: gzip\r\n\r\n",
        TOKEN + b"Content-Length: +3\r\n\r\na=b",
        TOKEN + b"Bad Name: x\r\nContent-Length: 3\r\n\r\na=b" + ASKED,
        b"GET /livez\r\n" + LIVEZ,
    ],
)
def test_what_is_malformed_is_refused_once_and_in_words(web, request_bytes):
    with connection(web) as plug:
        plug.sendall(request_bytes)
        received = answers(plug)

    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"400"]
    assert b"application/problem+json" in received
    assert b"request_invalid" in received


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://127.0.0.1/livez", b"200"),
        (b"HTTP://LOCALHOST:80/livez?a=b", b"200"),
        (b"http://elsewhere.example/accounts/", b"400"),
        (b"*", b"400"),
        (b"ftp://127.0.0.1/livez", b"400"),
    ],
)
def test_a_target_that_names_a_host_is_for_that_host(web, target, status):
    request = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % target

    assert statuses(web, request) == [status]
