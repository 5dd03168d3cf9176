import json
import subprocess
import sys

import pytest

from controlplane.log_writer import MOST_LINES

SET_UP = "import logging.config, sys; from controlplane.logs import log_configuration; "
SET_UP += "logging.config.dictConfig(log_configuration('INFO')); log = logging.getLogger('test')\n"
FLOOD = (
    f"for number in range({3 * MOST_LINES}): log.info('line %s', number)\nprint('done', file=sys.stderr, flush=True)\n"
)


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
