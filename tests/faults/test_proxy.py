import socket
import socketserver
import threading
import time
from contextlib import suppress

import pytest

from tests.bench.ground.program import free_port
from tests.faults.ground.proxy import fault_proxy
from tests.faults.ground.ways import Way

pytestmark = pytest.mark.faults
MIB = 1024 * 1024


class Echo(socketserver.BaseRequestHandler):
    """Sends back all that comes."""

    def handle(self):
        with suppress(ConnectionError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    """Each connection in a thread of its own."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = True


@pytest.fixture
def echo_port():
    """Where a plain echo listens."""
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="echo")
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo_port):
    """A proxy before the echo."""
    with fault_proxy(echo_port) as running:
        yield running


@pytest.fixture
def plug_of(proxy):
    """Opens connections through the proxy."""
    plugs = []

    def connect():
        plugs.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=2))
        return plugs[-1]

    yield connect
    for plug in plugs:
        plug.close()


@pytest.fixture
def plug(plug_of):
    """One connection that has been used."""
    plug = plug_of()
    assert echo_of(plug, b"hello") == b"hello"
    return plug


def echo_of(plug, payload):
    plug.sendall(payload)
    return received(plug, len(payload))


def received(plug, size):
    """So many bytes, or all until the end."""
    got = b""
    while len(got) < size and (piece := plug.recv(size - len(got))):
        got += piece
    return got


def seconds_of(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


def unanswered(plug):
    """What TCP has sent and not seen acknowledged, in segments."""
    return int.from_bytes(plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28], "little")


def test_without_a_fault_all_passes_and_an_end_is_an_end(plug):
    assert echo_of(plug, b"x" * MIB) == b"x" * MIB
    plug.shutdown(socket.SHUT_WR)
    assert plug.recv(1) == b""


def test_latency_delays_each_way_and_keeps_the_order(proxy, plug):
    proxy.latency(60, jitter_ms=30)
    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    began = time.monotonic()
    for number in range(10):
        plug.sendall(bytes([number]))

    assert received(plug, 10) == bytes(range(10))
    assert time.monotonic() - began >= 0.12


def test_bandwidth_spreads_bytes_over_time(proxy, plug):
    proxy.bandwidth(10_000, Way.TO_SERVER)

    assert seconds_of(lambda: echo_of(plug, b"x" * 5000)) >= 0.4


def test_a_slow_way_makes_its_sender_wait_instead_of_keeping_all(proxy, plug):
    proxy.bandwidth(1000, Way.TO_SERVER)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    plug.settimeout(0.3)

    with pytest.raises(TimeoutError):
        plug.sendall(bytes(4 * MIB))


def test_a_black_hole_swallows_what_is_sent_and_its_acknowledgement(proxy, plug):
    proxy.blackhole()
    plug.settimeout(0.3)
    plug.sendall(b"anyone?")

    with pytest.raises(TimeoutError):
        plug.recv(1)
    assert unanswered(plug) > 0
    proxy.heal()
    plug.settimeout(2)
    assert received(plug, 7) == b"anyone?"


def test_in_a_black_hole_nobody_connects(proxy, plug_of):
    proxy.blackhole()

    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3)
    proxy.heal()
    assert echo_of(plug_of(), b"again") == b"again"


def test_a_hanging_proxy_takes_a_connection_and_serves_it_once_it_is_healed(proxy, plug_of):
    proxy.hang_accept()
    plug = plug_of()
    plug.sendall(b"hello")
    plug.settimeout(0.2)

    with pytest.raises(TimeoutError):
        plug.recv(1)
    proxy.heal()
    plug.settimeout(2)
    assert received(plug, 5) == b"hello"


def test_a_refusing_proxy_takes_no_connection_and_leaves_open_ones(proxy, plug, plug_of):
    proxy.refuse()

    with pytest.raises(ConnectionRefusedError):
        plug_of()
    assert echo_of(plug, b"still here") == b"still here"
    proxy.heal()
    assert echo_of(plug_of(), b"new") == b"new"


def test_before_nobody_a_connection_is_taken_and_ended_and_no_socket_is_left():
    with fault_proxy(free_port()) as proxy, socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as plug:
        assert plug.recv(1) == b""


def test_a_reset_is_seen_as_one(proxy, plug):
    proxy.reset()

    with pytest.raises(ConnectionResetError):
        plug.recv(1)


def test_a_half_close_ends_one_way_only(proxy, plug):
    proxy.half_close(Way.TO_CLIENT)

    assert plug.recv(1) == b""
    plug.sendall(b"this way is open")


def test_slices_arrive_one_by_one(proxy, plug):
    proxy.slice(3, Way.TO_CLIENT)
    proxy.bandwidth(60, Way.TO_CLIENT)
    plug.sendall(b"123456789")

    pieces = [plug.recv(100) for _ in range(3)]
    assert pieces == [b"123", b"456", b"789"]


def test_a_limit_of_bytes_ends_the_connection_after_them(proxy, plug_of):
    proxy.limit_bytes(4, Way.TO_CLIENT)
    plug = plug_of()
    plug.sendall(b"123456789")

    assert received(plug, 9) == b"1234"


def test_one_byte_is_corrupted_and_no_other(proxy, plug_of):
    proxy.corrupt(2, Way.TO_SERVER)

    assert echo_of(plug_of(), b"abcabc") == b"ab\x9cabc"
