"""Groups 12 and 13: permessage-deflate (RFC 7692), which client and platform agree on through the relay."""

import zlib
from collections.abc import Iterator

from tests.conformance.bulk import DIGITS, JSONS, NOISE, TEXTS, ZEROS, Bulk, Content
from tests.conformance.case import BAD_TEXT, PROTOCOL_ERROR, TOO_BIG, Case, Frame
from tests.conformance.table.words import HELLO, WORLD, closed, echoed, ending, ping, refused, text
from tests.conformance.wire import BINARY, CONTINUATION, FIN, PING, RSV1, RSV2, TEXT

KIB, MIB = 1024, 1024 * 1024
ROW_BYTES, MOST_MESSAGES = 2 * MIB, 1000
PLAIN_BYTES = tuple(
    (size_bytes, 0) for size_bytes in (16, 64, 256, 1024, 4096, *(8 * KIB << power for power in range(5)))
)
FRAGMENTED_BYTES = (
    *((size_bytes, 256) for size_bytes in (8 * KIB << power for power in range(5))),
    *((128 * KIB, fragment_bytes) for fragment_bytes in (1024, 4096, 32 * KIB)),
)
CONTENTS = (JSONS, DIGITS, TEXTS, ZEROS, NOISE)
OFFER = "permessage-deflate"
OFFERS = {
    "no parameters": OFFER,
    "the server forgets": f"{OFFER}; server_no_context_takeover",
    "the server's window is small": f"{OFFER}; server_max_window_bits=9",
    "the client's window may be chosen": f"{OFFER}; server_max_window_bits=15; client_max_window_bits",
    "both forget": f"{OFFER}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
    "the client forgets, in a small window": f"{OFFER}; client_no_context_takeover; client_max_window_bits=9",
    "the second offer": f"{OFFER}; no_such_parameter, {OFFER}; client_max_window_bits=10; server_max_window_bits=10",
}


def compressed_contents() -> Iterator[Case]:
    """Group 12: contents that can be compressed well, badly and not at all; then what is wrong, in rows of ours."""
    for subgroup, content in enumerate(CONTENTS, start=1):
        yield from _sizes(f"12.{subgroup}", content, OFFER, content.name)
    yield from _among_compressed()
    yield from _wrongly_compressed()


def negotiated_parameters() -> Iterator[Case]:
    """Group 13: the same sizes under other parameters."""
    for subgroup, (name, offer) in enumerate(OFFERS.items(), start=1):
        yield from _sizes(f"13.{subgroup}", JSONS, offer, name)


def _sizes(subgroup: str, content: Content, offer: str, what: str) -> Iterator[Case]:
    for number, (size_bytes, fragment_bytes) in enumerate((*PLAIN_BYTES, *FRAGMENTED_BYTES), start=1):
        bulk = Bulk(content, size_bytes, min(MOST_MESSAGES, ROW_BYTES // size_bytes), fragment_bytes)
        how = f" in fragments of {fragment_bytes}" if fragment_bytes else ""
        name = f"{what}, {bulk.count} times {size_bytes} bytes{how}"
        yield echoed(f"{subgroup}.{number}", name, bulk, offers=offer, pause_seconds=0)


def _among_compressed() -> Iterator[Case]:
    empty, plain, whole = text(b""), Frame(FIN | TEXT, HELLO), _deflated(HELLO + WORLD)
    yield echoed("12.6.1", "an empty message", empty, offers=OFFER)
    mixed, all_three = (text(WORLD), plain, text(WORLD)), (text(WORLD), text(HELLO), text(WORLD))
    yield Case("12.6.2", "a plain message between two", mixed, all_three, offers=OFFER)
    fragments = (Frame(RSV1 | TEXT, whole[:9]), ping(WORLD), ending(whole[9:]))
    name, message = "a ping between two fragments", text(HELLO + WORLD)
    yield Case("12.6.3", name, fragments, (message,), pongs=(WORLD,), offers=OFFER)


def _wrongly_compressed() -> Iterator[Case]:
    begun = Frame(RSV1 | TEXT, _deflated(HELLO)[:4])
    again = Frame(FIN | RSV1 | CONTINUATION, _deflated(HELLO)[4:])
    yield refused("12.6.4", "RSV1 on a further fragment", begun, again, offers=OFFER)
    yield refused("12.6.5", "RSV1 on a ping", Frame(FIN | RSV1 | PING, HELLO), offers=OFFER)
    yield refused("12.6.6", "RSV2 on a text", Frame(FIN | RSV1 | RSV2 | TEXT, _deflated(HELLO)), offers=OFFER)
    for number, what, frame, code in (
        (7, "what is no deflate stream", Frame(FIN | RSV1 | BINARY, b"\xff" * 20), PROTOCOL_ERROR),
        (8, "a compressed text that is no UTF-8", Frame(FIN | RSV1 | TEXT, _deflated(b"\xed\xa0\x80")), BAD_TEXT),
        (9, "16 KiB that unfold to 17 MiB", Frame(FIN | RSV1 | BINARY, _deflated(bytes(17 * MIB))), TOO_BIG),
    ):
        yield closed(f"12.6.{number}", what, code, frame, offers=OFFER)


def _deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
