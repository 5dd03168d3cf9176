"""Group 5: messages in fragments, control frames between them, fragments that fit nowhere (RFC 6455, section 5.4)."""

from collections.abc import Iterator

from tests.conformance.case import FRAMEWISE, TOGETHER, Case, Frame
from tests.conformance.table.words import (
    HELLO,
    IN_PIECES,
    WORLD,
    beginning,
    echoed,
    ending,
    middle,
    ping,
    refused,
    text,
)
from tests.conformance.wire import FIN, PING, PONG, TEXT

PARTS = [b"fragment %d " % number for number in range(1, 6)]


def fragmentation() -> Iterator[Case]:
    """Group 5."""
    yield refused("5.1", "a ping in two fragments", Frame(PING, HELLO), ending(WORLD))
    yield refused("5.2", "a pong in two fragments", Frame(PONG, HELLO), ending(WORLD))
    yield from _in_fragments()
    yield from _of_nothing()
    yield from _inside_one_another()
    yield from _with_pings()


def _in_fragments() -> Iterator[Case]:
    for number, (piece_bytes, how) in enumerate(IN_PIECES.items(), start=3):
        yield echoed(f"5.{number}", f"a text in two fragments{how}", text(HELLO, WORLD), piece_bytes=piece_bytes)
    sends, whole = (beginning(HELLO), ping(WORLD), ending(WORLD)), (text(HELLO + WORLD),)
    for number, (piece_bytes, how) in enumerate(IN_PIECES.items(), start=6):
        name = f"a ping between two fragments{how}"
        yield Case(f"5.{number}", name, sends, whole, pongs=(WORLD,), piece_bytes=piece_bytes)


def _of_nothing() -> Iterator[Case]:
    for first, wrong, kind in ((9, ending(HELLO), "a last fragment"), (12, middle(HELLO), "a fragment")):
        for number, (piece_bytes, how) in enumerate(IN_PIECES.items(), start=first):
            name = f"{kind} of no message, then a text{how}"
            yield refused(f"5.{number}", name, wrong, text(WORLD), piece_bytes=piece_bytes)


def _inside_one_another() -> Iterator[Case]:
    whole = text(HELLO, WORLD)
    name = "a fragment of no message between two texts"
    yield refused("5.15", name, whole, middle(HELLO), text(WORLD), messages=(whole,))
    for number, kind, wrong in ((16, "fragments", middle(HELLO)), (17, "last fragments", ending(HELLO))):
        yield refused(f"5.{number}", f"{kind} of no message, twice", *(wrong, beginning(WORLD), ending(WORLD)) * 2)
    yield refused("5.18", "a text that begins inside another", beginning(HELLO), Frame(FIN | TEXT, WORLD))


def _with_pings() -> Iterator[Case]:
    one, two, three, four, five = PARTS
    begin, go_on = (beginning(one), middle(two), ping(b"first")), (middle(three), middle(four), ping(b"second"))
    sends, whole = (*begin, *go_on, ending(five)), (text(b"".join(PARTS)),)
    for number, piece_bytes in ((19, TOGETHER), (20, FRAMEWISE)):
        name = f"five fragments and two pings{IN_PIECES[piece_bytes]}"
        yield Case(f"5.{number}", name, sends, whole, pongs=(b"first", b"second"), piece_bytes=piece_bytes)
