import json
import subprocess
import sys

import pytest

from controlplane.logs.writer import MOST_LINES

SET_UP = "import logging.config, sys; from controlplane.logs.configuration import log_configuration; "
SET_UP += "from controlplane.logs.sinks import parse_sink; "
SET_UP += "logging.config.dictConfig(log_configuration('INFO', None)); log = logging.getLogger('test')\n"
FLOOD = (
    f"for number in range({3 * MOST_LINES}): log.info('line %s', number)\nprint('done', file=sys.stderr, flush=True)\n"
)
WIDE_FLOOD = FLOOD.replace("line %s', number", "line %s', f'{number} {1000 * chr(120)}'")


@pytest.fixture
def started():
    """Runs a program that logs; its stdout is a pipe that nobody reads."""
    programs = []

    def start(code):
        program = subprocess.Popen(
            [sys.executable, "-c", SET_UP + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.kill()
        program.communicate()


def events(lines):
    """What each line says."""
    return [json.loads(line) for line in lines.splitlines()]


def test_f54_a_sink_that_nobody_reads_keeps_nobody_waiting(started):
    program = started(FLOOD + "sys.stdin.read()")

    assert program.stderr.readline() == b"done\n"


def test_f54_what_found_no_room_is_counted_for_metrics(started):
    code = "from relay.process.log_lines import dropped_log_lines\nprint(dropped_log_lines(), file=sys.stderr)\n"
    program = started(FLOOD + code + "sys.stderr.flush()\nsys.stdin.read()")
    program.stderr.readline()

    assert MOST_LINES < int(program.stderr.readline()) <= 2 * MOST_LINES


def test_f54_what_found_no_room_is_counted_in_the_log(started):
    program = started(FLOOD + "sys.stdin.readline(); sys.stdin.read()")
    program.stderr.readline()

    written = []
    for line in program.stdout:
        written += events(line)
        if written[-1]["event"] == "log_lines_dropped":
            break

    assert len(written) - 1 + written[-1]["lines"] == 3 * MOST_LINES


def test_all_lines_are_written_before_the_process_ends(started):
    program = started("for number in range(1000): log.info('line %s', number)")

    written, _ = program.communicate()

    assert [event["event"] for event in events(written)] == [f"line {number}" for number in range(1000)]


def test_a_process_that_was_forked_writes_too(started):
    program = started("import os\nlog.info('parent')\nif os.fork(): os.wait()\nelse: log.info('child')")

    written, _ = program.communicate()

    assert sorted(event["event"] for event in events(written)) == ["child", "parent"]


def test_a_logger_in_stdouts_place_brings_no_line_back(started):
    program = started(
        "class Proxy:\n  def write(self, text): log.error(text)\n  def flush(self): pass\n"
        "sys.stdout = Proxy()\nlog.info('once')\nlogging.shutdown()"
    )

    written, _ = program.communicate()

    assert [event["event"] for event in events(written)] == ["once"]


def test_a_sink_that_is_gone_ends_nothing(started):
    program = started("sys.stdin.readline()\nlog.info('to nobody')\nlogging.shutdown()\nprint('done', file=sys.stderr)")
    program.stdout.close()
    program.stdin.write(b"go\n")
    program.stdin.flush()

    assert program.stderr.readline() == b"done\n"
    program.stdout = None


def to(address, code):
    """A program's code, with syslog for its sink."""
    return f"sink = parse_sink('{address}')\nlogging.config.dictConfig(log_configuration('INFO', sink))\n{code}"


def said(message):
    """What a syslog message says."""
    return json.loads(message[message.index("{") :])


def test_every_line_reaches_syslog_before_the_process_ends(started, server):
    with server.running():
        program = started(to(server.address, "for number in range(100): log.info('line\\n%s é', number)"))

        written = [said(server.message())["event"] for _ in range(100)]

        assert written == [f"line\n{number} é" for number in range(100)]
        assert program.wait(10) == 0


@pytest.mark.parametrize("server", ["tcp", "unix"], indirect=True)  # over UDP, its kernel drops what it does not take
def test_f54_a_syslog_server_that_never_reads_keeps_nobody_waiting_and_what_was_dropped_is_told(started, server):
    with server.running():
        program = started(to(server.address, WIDE_FLOOD + "sys.stdin.read()"))
        assert program.stderr.readline() == b"done\n"

        written = [said(server.message())]
        while written[-1]["event"] != "log_lines_dropped":
            written.append(said(server.message()))

    assert len(written) - 1 + written[-1]["lines"] == 3 * MOST_LINES


def test_f54_a_syslog_server_that_is_away_is_told_once_and_keeps_no_process_from_ending(started, server):
    program = started(to(server.address, FLOOD))

    assert program.wait(20) == 0
    assert program.stderr.read().count(b"log_sink_away") == 1


@pytest.mark.parametrize("server", ["udp", "unix"], indirect=True)
def test_a_process_that_was_forked_writes_to_syslog_too(started, server):
    with server.running():
        started(to(server.address, "import os\nlog.info('parent')\nif os.fork(): os.wait()\nelse: log.info('child')"))

        assert sorted(said(server.message())["event"] for _ in range(2)) == ["child", "parent"]
