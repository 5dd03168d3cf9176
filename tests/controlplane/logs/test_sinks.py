import io
import json
import socket
import threading

import pytest

from controlplane.logs.sinks import StandardOutput, Syslog, SyslogAddress, parse_sink
from tests.controlplane.logs.syslog_server import HOST

LINES = [f"line {number}" for number in range(5)]


@pytest.fixture
def sink(server):
    """What writes to the server."""
    sink = Syslog(server.address)
    yield sink
    sink.disconnect()


@pytest.fixture
def writing(sink):
    """Writes lines in a thread, as long as that takes; all must be written before the test ends."""
    threads = []

    def write():
        threads.append(threading.Thread(target=lambda: [sink.write(line) for line in LINES], daemon=True))
        threads[-1].start()

    yield write
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def wait_until_away(capfd):
    """Waits until stderr says that the server is away, and gives what it said."""

    def wait():
        said = ""
        while not said.endswith("\n"):
            said += capfd.readouterr().err
        return json.loads(said)

    return wait


def messages_until(server, last):
    """All messages up to one."""
    received = [server.message()]
    while received[-1] != last:
        received.append(server.message())
    return received


def test_stdout_gets_a_line_for_a_line():
    stream = io.StringIO()

    StandardOutput(stream).write("a line")

    assert stream.getvalue() == "a line\n"


def test_a_line_is_a_message(server, sink):
    with server.running():
        sink.write("first")
        sink.write("12 second")

        assert [server.message(), server.message()] == ["first", "12 second"]


def test_the_longest_line_is_one_message(server, sink):
    line = "x" * server.address.largest_bytes

    with server.running():
        sink.write(line)

        assert server.message() == line


def test_f54_a_server_that_is_away_at_the_start_gets_every_line_when_it_comes(server, writing, wait_until_away):
    writing()
    told = wait_until_away()

    with server.running():
        received = messages_until(server, LINES[-1])

    assert (told["event"], told["sink"]) == ("log_sink_away", str(server.address))
    assert received == (LINES[1:] if server.address.transport == "udp" else LINES)


def test_f54_a_server_that_goes_and_comes_back_is_written_to_again(server, sink, writing, wait_until_away):
    with server.running():
        sink.write("before")
        assert server.message() == "before"

    writing()
    wait_until_away()
    with server.running():
        received = messages_until(server, LINES[-1])

    assert received == (LINES[1:] if server.address.transport == "udp" else LINES)


@pytest.mark.parametrize("server", ["udp"], indirect=True)
def test_a_server_at_one_of_its_hosts_addresses_is_found(server, sink, writing, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (host, server.address.port)) for host in ("127.0.0.9", HOST)]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)  # no name on every machine has two

    with server.running():
        writing()

        assert messages_until(server, LINES[-1]) == LINES[1:]


def test_f54_a_server_that_was_started_anew_loses_no_line(server, sink):
    for number in range(3):
        with server.running():
            sink.write(f"line {number}")

            assert server.message() == f"line {number}"


@pytest.mark.parametrize("server", ["udp", "unix"], indirect=True)
def test_a_line_that_no_datagram_holds_is_refused_and_the_next_one_passes(server, sink):
    with server.running():
        with pytest.raises(OSError, match="too long"):
            sink.write("x" * 1_000_000)
        sink.write("next")

        assert server.message() == "next"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("udp://logs.example:5514", SyslogAddress("udp", "logs.example", 5514)),
        ("udp://logs.example", SyslogAddress("udp", "logs.example", 514)),
        ("tcp://Logs_1", SyslogAddress("tcp", "logs_1", 601)),
        ("tcp://[::1]:601", SyslogAddress("tcp", "::1", 601)),
        ("unix:///dev/log", SyslogAddress("unix", path="/dev/log")),
        ("stdout", None),
    ],
)
def test_a_sink_is_stdout_or_a_syslog_servers_address(value, address):
    assert parse_sink(value) == address


@pytest.mark.parametrize(
    "value",
    [
        "stderr",
        "/dev/log",
        "logs.example:514",
        "https://logs.example",
        "udp://",
        "udp://:514",
        "udp://logs.example:0",
        "udp://logs.example:65536",
        "udp://logs.example:syslog",
        "udp://canary@logs.example",
        "tcp://logs.example/path",
        "tcp://logs.example?query",
        "tcp://a..b",
        "tcp://[bad",
        "unix://",
        "unix:///",
        "unix://dev/log",
        f"unix:///{'x' * 107}",
    ],
)
def test_what_is_neither_is_refused_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"stdout, udp://host:514, tcp://host:601 or unix:///path") as refusal:
        parse_sink(value)

    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("value", ["udp://logs.example:514", "tcp://[::1]:601", "unix:///dev/log"])
def test_an_address_is_shown_as_it_was_set(value):
    assert str(parse_sink(value)) == value
