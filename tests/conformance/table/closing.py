"""Group 7: Close frames, their codes and reasons, and what comes behind them (RFC 6455, sections 5.5.1 and 7.4)."""

from collections.abc import Iterator

from tests.conformance.case import BAD_TEXT, NO_CODE, NORMAL, PROTOCOL_ERROR, Case, Frame
from tests.conformance.table.words import (
    ECHOES,
    HELLO,
    WORLD,
    beginning,
    close,
    closed,
    echoed,
    ending,
    ping,
    refused,
    text,
)
from tests.conformance.wire import CLOSE, FIN

LARGE_BYTES = 256 * 1024
LONGEST_REASON_BYTES = 123
VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014)
INVALID_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)


def closing() -> Iterator[Case]:
    """Group 7."""
    yield echoed("7.1.1", "a text, then a Close when it has come back", text(HELLO))
    yield closed("7.1.2", "two Close frames", NORMAL, close(NORMAL), close(NORMAL))
    yield closed("7.1.3", "a ping behind a Close", NORMAL, close(NORMAL), ping())
    yield closed("7.1.4", "a text behind a Close", NORMAL, close(NORMAL), text(HELLO))
    unfinished = (beginning(HELLO), close(NORMAL), ending(WORLD))
    yield closed("7.1.5", "a Close inside a message", PROTOCOL_ERROR, *unfinished)
    large = text(b"*" * LARGE_BYTES)
    fields = {"messages": (large,), "may_differ": ECHOES}
    yield closed("7.1.6", "a large text, a Close and a ping at once", NORMAL, large, close(NORMAL), ping(), **fields)
    yield from _payloads()
    for number, code in enumerate(VALID_CODES, start=1):
        yield closed(f"7.7.{number}", f"the valid code {code}", code, close(code))
    for number, code in enumerate(INVALID_CODES, start=1):
        yield closed(f"7.9.{number}", f"the invalid code {code}", PROTOCOL_ERROR, close(code))
    for number, code in enumerate((5000, 65_535), start=1):
        yield closed(f"7.13.{number}", f"the code {code}, beyond all ranges", PROTOCOL_ERROR, close(code))


def _payloads() -> Iterator[Case]:
    longest = b"*" * LONGEST_REASON_BYTES
    yield closed("7.3.1", "a Close without a payload", NO_CODE, close())
    yield refused("7.3.2", "a Close of one byte", Frame(FIN | CLOSE, b"\x03"))
    yield closed("7.3.3", "a Close with a code alone", NORMAL, close(NORMAL))
    yield closed("7.3.4", "a Close with a reason", NORMAL, close(NORMAL, HELLO))
    yield closed("7.3.5", "the longest reason", NORMAL, close(NORMAL, longest))
    yield refused("7.3.6", "a reason one byte longer", close(NORMAL, longest + b"*"))
    yield closed("7.5.1", "a reason that is no UTF-8", BAD_TEXT, close(NORMAL, b"\xce\xba\xed\xa0\x80"))
