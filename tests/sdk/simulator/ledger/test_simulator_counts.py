"""Counts, order and what is kept: exact for any sequence of messages. Time is passed in."""

import json

from floodgate_simulator.ledger.counts import Counts
from floodgate_simulator.ledger.ledger import Ledger
from floodgate_simulator.ledger.order import Order, Senders
from floodgate_simulator.ledger.received import ReceivedMessage, ReceivedMessages
from floodgate_simulator.ledger.rows import ClosedRows, ConnectionRow
from hypothesis import given
from hypothesis import strategies as st


def numbered(*messages):
    """How each of the messages follows the ones before it."""
    senders = Senders()
    return [senders.place(message.encode()) for message in messages]


def message(sequence, payload=b"x"):
    return ReceivedMessage(sequence, 1, "client", "genesys", "orders", 0.0, payload, is_text=True)


def test_messages_and_bytes_are_summed():
    counts = Counts()

    for size in (0, 1, 512):
        counts.add(size, at=7.0)

    assert (counts.messages, counts.bytes) == (3, 513)


def test_the_peak_of_fixed_seconds_counts_each_second_of_the_clock_alone():
    counts = Counts()

    for at in (1.8, 1.9, 2.0, 2.1, 2.2):
        counts.add(1, at)

    assert (counts.peak_per_second, counts.peak_sliding_second) == (3, 5)


@given(st.lists(st.integers(0, 4_000), max_size=60).map(sorted))
def test_the_sliding_peak_is_that_of_the_fullest_second(milliseconds):
    counts = Counts()
    for moment in milliseconds:
        counts.add(1, at=moment / 1000)

    fullest = max((sum(end - 1000 < moment <= end for moment in milliseconds) for end in milliseconds), default=0)

    assert abs(counts.peak_sliding_second - fullest) <= milliseconds_at_the_very_edge(milliseconds)


def milliseconds_at_the_very_edge(milliseconds):
    """How many messages lie exactly one second before another: binary fractions may put them on either side."""
    moments = set(milliseconds)
    return sum(moment + 1000 in moments for moment in milliseconds)


def test_numbers_in_turn_are_in_order_wherever_they_begin():
    assert numbered('{"n":7}', '{"n": 8}', '{"x":1,"n":9,"y":2}') == [(Order.IN_ORDER, 0)] * 3


def test_a_jump_is_one_gap_and_tells_how_many_are_missing():
    assert numbered('{"n":1}', '{"n":5}')[1] == (Order.GAP, 3)


def test_a_number_that_came_before_is_a_duplicate():
    assert [order for order, _ in numbered('{"n":1}', '{"n":1}', '{"n":0}', '{"n":2}')] == [
        Order.IN_ORDER,
        Order.DUPLICATE,
        Order.DUPLICATE,
        Order.IN_ORDER,
    ]


def test_each_sender_has_numbers_of_its_own():
    placed = numbered('{"sender":"a","n":1}', '{"n":9,"sender":"b"}', '{"sender":"a","n":2}', '{"n":10,"sender":"b"}')

    assert placed == [(Order.IN_ORDER, 0)] * 4


def test_a_leading_number_counts_too():
    assert [order for order, _ in numbered("1 first", "2|second", "4 fourth")][2] is Order.GAP


def test_messages_without_a_number_are_passed_over():
    unnumbered = ["", "x", "12", '{"n":"1"}', '{"n":1.5}', '{"number":1}', "{" + " " * 200 + '"n":9}']

    assert numbered('{"n":1}', *unnumbered, '{"n":2}') == [(Order.IN_ORDER, 0)] * 9


def test_a_number_cut_by_the_searched_bytes_is_no_number():
    filler = "x" * (196 - len('{"x":"","n":'))

    assert numbered('{"n":5}', f'{{"x":"{filler}","n":12345678}}', '{"n":6}') == [(Order.IN_ORDER, 0)] * 3


def test_the_oldest_sender_is_forgotten_beyond_ten_thousand():
    senders = Senders()
    for sender in range(10_001):
        senders.place(f'{{"sender":"{sender}","n":1}}'.encode())

    assert senders.place(b'{"sender":"0","n":1}') == (Order.IN_ORDER, 0)
    assert senders.place(b'{"sender":"10000","n":1}') == (Order.DUPLICATE, 0)


def test_the_oldest_messages_go_when_there_are_too_many():
    received = ReceivedMessages(kept_messages=3)

    for _ in range(5):
        received.append(message(received.next_sequence()))

    assert [kept.sequence for kept in received.after(0)] == [3, 4, 5]


def test_the_oldest_messages_go_when_they_are_too_large_together():
    received = ReceivedMessages(kept_bytes=10)

    for size in (4, 4, 4):
        received.append(message(received.next_sequence(), b"x" * size))

    assert [kept.sequence for kept in received.after(0)] == [2, 3]


def test_a_message_larger_than_all_that_may_be_kept_is_not_kept():
    received = ReceivedMessages(kept_bytes=10)

    received.append(message(received.next_sequence(), b"x" * 11))

    assert list(received.after(0)) == []


def test_since_gives_only_what_came_after_that_message():
    received = ReceivedMessages(kept_messages=3)
    for _ in range(5):
        received.append(message(received.next_sequence()))

    assert [[kept.sequence for kept in received.after(since)] for since in (1, 2, 3, 5, 9)] == [
        [3, 4, 5],
        [3, 4, 5],
        [4, 5],
        [],
        [],
    ]


def test_closed_rows_beyond_those_kept_are_merged_without_losing_a_message():
    closed = ClosedRows(kept_rows=2)
    for number in range(1, 5):
        row = ConnectionRow(number, "genesys", "client", "orders", 0.0, ())
        for _ in range(number):
            row.counts.add(10, at=float(number))
        closed.add(row)

    merged = closed.merged

    assert [row.connection for row in closed.rows] == [3, 4]
    assert (merged.total, merged.counts.messages, merged.counts.bytes, merged.counts.peak_per_second) == (2, 3, 30, 2)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=60))
def test_overall_is_the_sum_of_credentials_of_channels_and_of_connections(arrivals):
    ledger = Ledger(now=0.0)
    rows = [
        ledger.connection_opened("genesys", f"client-{number % 2}", f"channel-{number}", 0.0) for number in range(3)
    ]
    for connection, number in arrivals:
        ledger.message_received(rows[connection], b'{"n":%d}' % number, 1.0, is_text=True)
    ledger.connection_closed(rows[0], 1000, 2.0)

    stats = json.loads(json.dumps(ledger.as_json()))

    for name in ("messages", "bytes", "order_gaps", "missing", "duplicates"):
        for rows_of in (stats["by_credential"].values(), stats["by_channel"].values(), stats["by_connection"]):
            assert sum(row[name] for row in rows_of) == stats["overall"][name]
    assert stats["overall"]["messages"] == len(arrivals)
