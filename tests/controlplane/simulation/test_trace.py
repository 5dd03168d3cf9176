import gzip
import io

import pytest

from controlplane.simulation.trace import BEGIN_NS, TraceFault, open_trace, read_trace
from relay.simulation.events import ConnectionName, Event, Kind
from relay.throttle.policy import SECOND_NS, Direction
from tests.controlplane.simulation.written import write_trace


def _read(data):
    return list(read_trace(io.BufferedReader(io.BytesIO(data))))


def test_all_but_the_time_may_be_left_out():
    assert _read(b'{"at": 0.5}') == [
        Event(
            BEGIN_NS + SECOND_NS // 2, ConnectionName("client", "channel", "1"), 0, Kind.MESSAGE, Direction.TO_PLATFORM
        )
    ]


def test_every_field_is_read():
    whose = b'"client": "a", "connection": "x", "channel": "c"'

    [event] = _read(b'{"at": 1, "bytes": 7, "kind": "control", "direction": "to_client", %b}' % whose)

    assert event == Event(BEGIN_NS + SECOND_NS, ConnectionName("a", "c", "x"), 7, Kind.CONTROL, Direction.TO_CLIENT)


def test_a_packed_trace_is_unpacked_and_empty_lines_are_none():
    assert len(_read(gzip.compress(b'{"at": 0}\n\n{"at": 0}\n', mtime=0))) == 2


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_byte_order_mark_says_nothing(pack):
    assert len(_read(pack(b'\xef\xbb\xbf{"at": 0}\n{"at": 0}\n'))) == 2


def test_a_trace_is_read_as_it_is_asked_for():
    events = read_trace(io.BufferedReader(io.BytesIO(b'{"at": 0}\nwrong\n')))

    assert next(events).at_ns == BEGIN_NS


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"at": 0}\n{"at": "x"}', "Line 2: Expected float, got str - at at. A line is such as"),
        (b'{"at": 0}\n\n{"at": 0, "byte": 3}', "Line 3: Object contains unknown field byte."),
        (b'{"client": "a"}', "Line 1: Object missing required field at."),
        (b'{"at": 1795687543862}', "Line 1: Expected float <= 10000000000.0 - at at."),
        (b'{"at": 0, "kind": "shout"}', "Line 1: Invalid enum value 'shout' - at kind."),
        (b'{"at": 2}\n{"at": 1}', "Line 2: at is 1.000000, but the line before has 2.000000. Sort the trace by time."),
        (b"\n", "The trace has no event."),
        (gzip.compress(b'{"at": 0}\n' * 9, mtime=0)[:-9], "the trace can't be read on: "),
        (b"not json", "Line 1: JSON is malformed"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_do(data, fault):
    with pytest.raises(TraceFault) as raised:
        _read(data)

    assert fault in str(raised.value)


def test_a_trace_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TraceFault, match="Name a file of JSON lines"), open_trace(str(tmp_path / "x")):
        pass


def test_a_trace_is_opened_by_its_path(tmp_path):
    with open_trace(write_trace(tmp_path / "trace.gz", [{"at": 3}])) as raw:
        assert len(list(read_trace(raw))) == 1
