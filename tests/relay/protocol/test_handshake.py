import pytest
from websockets.server import ServerProtocol

from relay.protocol import handshake
from relay.protocol.denials import Denied
from relay.protocol.handshake import (
    SWITCHING_PROTOCOLS,
    accept_value,
    acceptance,
    is_interim,
    opening,
    read_answer,
    refusal,
    wants_websocket,
)
from relay.protocol.heads import HeadInvalid, parsed_answer, parsed_request

# The example of RFC 6455, section 1.3.
REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCHING = acceptance(ACCEPT, [])[:-4]


def request(right=b"", wrong=b""):
    """The head of the example, with one thing changed."""
    assert right in REQUEST
    return parsed_request(REQUEST.replace(right, wrong) if right else REQUEST)


class TestServer:
    """Section 4.2."""

    def test_the_example_is_accepted_with_its_value(self):
        assert wants_websocket(request())
        assert accept_value(request()) == ACCEPT

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            (b"Upgrade: websocket", b"upgrade: h2c, WebSocket"),
            (b"Connection: Upgrade", b"Connection: keep-alive, upgrade"),
            (b"Connection: Upgrade", b"Content-Length: 0\r\nConnection: Upgrade"),
        ],
    )
    def test_other_words_for_the_same_are_understood(self, right, wrong):
        assert wants_websocket(request(right, wrong))
        assert accept_value(request(right, wrong)) == ACCEPT

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            (b"Upgrade: websocket", b"Upgrade: h2c"),
            (b"Connection: Upgrade", b"Connection: close"),
            (b"Upgrade: ", b"X: "),
        ],
    )
    def test_a_request_without_both_words_is_an_ordinary_one(self, right, wrong):
        assert not wants_websocket(request(right, wrong))

    @pytest.mark.parametrize(
        ("right", "wrong", "status"),
        [
            (b"GET", b"POST", 405),
            (b"Version: 13", b"Version: 14", 426),
            (b"Sec-WebSocket-Version: 13", b"X: 1", 426),
            (b"Version: 13", b"Version: 13\r\nSec-WebSocket-Version: 13", 426),
            (b"HTTP/1.1", b"HTTP/1.0", 400),
            (b"Host: server.example.com\r\n", b"", 400),
            (b"Host:", b"Host: other\r\nHost:", 400),
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ", 400),
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"", 400),
            (b"Sec-WebSocket-Key:", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key:", 400),
            (b"Upgrade: websocket", b"Upgrade: websocket\r\nContent-Length: 1", 400),
            (b"Upgrade: websocket", b"Upgrade: websocket\r\nTransfer-Encoding: chunked", 400),
        ],
    )
    def test_b1_a_wrong_handshake_is_refused_with_a_status_that_says_how(self, right, wrong, status):
        with pytest.raises(Denied) as denied:
            accept_value(request(right, wrong))

        assert denied.value.denial.status == status

    def test_an_acceptance_says_what_was_agreed(self):
        head = acceptance(ACCEPT, [(b"sec-websocket-protocol", b"v1")])

        assert parsed_answer(head[:-4]).values(b"sec-websocket-protocol") == [b"v1"]

    def test_a_refusal_ends_the_connection_and_has_a_length(self):
        answer = refusal(404, [(b"date", b"now")], b"no")

        assert answer == b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 2\r\ndate: now\r\n\r\nno"


class TestClient:
    """Section 4.1."""

    def test_another_implementation_accepts_our_request_with_the_value_that_we_expect(self):
        written, accept = opening("platform", "/a?b", bytes(16), [("Authorization", "Bearer x")])
        server = ServerProtocol()
        server.receive_data(written)
        [asked] = server.events_received()

        answer = server.accept(asked)

        assert (asked.path, asked.headers["Host"], asked.headers["Authorization"]) == ("/a?b", "platform", "Bearer x")
        assert answer.headers["Sec-WebSocket-Accept"].encode() == accept

    def test_each_request_has_a_key_of_its_own_random_bytes(self):
        first, second = (opening("h", "/", seed * 16, []) for seed in (b"a", b"b"))

        assert first[0] != second[0]
        assert first[1] != second[1]

    def test_101_that_answers_our_key_opens(self):
        assert read_answer(SWITCHING, ACCEPT)[0] == handshake.SWITCHING_PROTOCOLS

    @pytest.mark.parametrize(
        ("right", "wrong", "why"),
        [
            (b"Upgrade: websocket", b"Upgrade: h2c", "Upgrade"),
            (b"Connection: Upgrade", b"Connection: close", "Upgrade"),
            (ACCEPT, b"A" + ACCEPT, "key"),
            (b"Sec-WebSocket-Accept", b"X-Accept", "key"),
            (b"HTTP/1.1", b"HTTP/1.0", "no upgrade"),
            (b"HTTP/1.1", b"HTTP/2", "status line"),
        ],
    )
    def test_f38_what_does_not_prove_that_it_speaks_websocket_is_no_answer(self, right, wrong, why):
        with pytest.raises(HeadInvalid, match=why):
            read_answer(SWITCHING.replace(right, wrong), ACCEPT)

    @pytest.mark.parametrize("version", [b"1.0", b"1.1"])
    @pytest.mark.parametrize("status", [200, 302, 401, 429, 503])
    def test_any_other_status_is_an_answer_whatever_else_it_says(self, version, status):
        read, head = read_answer(b"HTTP/%s %d No\r\nRetry-After: 7" % (version, status), ACCEPT)

        assert (read, head.values(b"retry-after"), is_interim(read)) == (status, [b"7"], False)

    @pytest.mark.parametrize("status", [100, 102, 103, 199])
    def test_another_answer_follows_any_that_is_no_final_one(self, status):
        assert is_interim(read_answer(b"HTTP/1.1 %d Wait" % status, ACCEPT)[0])
        assert not is_interim(SWITCHING_PROTOCOLS)
