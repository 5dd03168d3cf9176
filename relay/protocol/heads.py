"""Heads of HTTP messages, read and written (RFC 9112, sections 2 to 5): as strictly as the RFC lets a server be.

A handshake has a head and no body, so this is all of HTTP that WebSockets need.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

LARGEST_HEAD_BYTES = 64 * 1024
LONGEST_FIRST_LINE_BYTES = 8 * 1024
MOST_HEADERS = 128
LINE_END, HEAD_END = b"\r\n", b"\r\n\r\n"
REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]+) HTTP/(1\.[01])")
STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9]{2})(?: [\t -~\x80-\xff]*)?")
ABSOLUTE_TARGET = re.compile(rb"(?i:https?|wss?)://([^/?#@]+)([/?].*)?")
ENCODED_SLASH = re.compile(rb"%2[Ff]")
EMPTY_LINES = re.compile(rb"(?:\r\n)*")
HEADER_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
CHUNKED, CONTENT_LENGTH, TRANSFER_ENCODING = b"chunked", b"content-length", b"transfer-encoding"
GIVEN_ONCE = (CONTENT_LENGTH, TRANSFER_ENCODING, b"content-type", b"authorization")  # and Host: see refuse_ambiguous
LENGTH = re.compile(rb"[0-9]{1,19}")
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?")
CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
Headers = list[tuple[bytes, bytes]]  # names in small letters, in the order in which they came


class HeadInvalid(ValueError):
    """What came is not HTTP/1.1; the message says what is wrong. ``status`` answers a request with such a head."""

    status = 400


class FirstLineTooLong(HeadInvalid):
    """The first line has more than ``LONGEST_FIRST_LINE_BYTES``."""

    status = 414


class HeadTooLarge(HeadInvalid):
    """The head has more than ``LARGEST_HEAD_BYTES``, or more than ``MOST_HEADERS`` headers."""

    status = 431


@dataclass(frozen=True, slots=True)
class Head:
    """First line and headers of a message. ``first`` is method, target and version, of an answer version and status."""

    first: tuple[bytes, ...] = field(repr=False)
    headers: Headers = field(repr=False)

    def values(self, name: bytes) -> list[bytes]:
        """The values of all headers of that name, which is in small letters."""
        return [value for known, value in self.headers if known == name]

    def words(self, name: bytes) -> set[bytes]:
        """The members of a header that is a list, in small letters."""
        return {word.strip(b" \t").lower() for value in self.values(name) for word in value.split(b",")}


class HeadReader:
    """Takes in what a socket brings until a head is complete. Keeps no more than a head may have, and one read.

    Empty lines before the first one are passed over (RFC 9112, section 2.2).
    """

    __slots__ = ("_received", "_searched_bytes")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._received = b""
        self._searched_bytes = 0

    @property
    def received(self) -> bytes:
        """All that came so far."""
        return self._received

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Take in ``data``.

        Returns:
            The complete head, without the empty line at its end, and what came behind it; or none yet.

        Raises:
            HeadInvalid: it is longer than a head may be, or no HTTP from its first byte on.
        """
        received = self._received + data if self._received else data
        received = self._received = _without_empty_lines(received)
        if received not in (b"", b"\r") and not b"A" <= received[:1] <= b"Z":
            raise HeadInvalid(_no_method(received[:1]))
        end = received.find(HEAD_END, self._searched_bytes)
        self._searched_bytes = max(0, len(received) - len(HEAD_END) + 1)
        known_end = end if end >= 0 else len(received)
        if known_end > LONGEST_FIRST_LINE_BYTES and received.find(LINE_END, 0, LONGEST_FIRST_LINE_BYTES + 2) < 0:
            raise FirstLineTooLong(f"the first line has more than {LONGEST_FIRST_LINE_BYTES:,} bytes")
        if known_end > LARGEST_HEAD_BYTES:
            raise HeadTooLarge(f"the head has more than {LARGEST_HEAD_BYTES:,} bytes")
        return (received[:end], received[end + len(HEAD_END) :]) if end >= 0 else None


def parsed_request(head: bytes) -> Head:
    """Read the head of a request.

    Raises:
        HeadInvalid: it is none.
    """
    return _parsed(head, REQUEST_LINE, "the request line is not <method> <target> HTTP/1.1")


def in_origin_form(request: Head) -> Head:
    """The request with a target that begins with its path: one that names a host is for that (RFC 9112, section 3.2.2).

    Raises:
        HeadInvalid: the target is neither, or a tunnel is asked for.
    """
    method, target, version = request.first
    if method == b"CONNECT":
        raise HeadInvalid("CONNECT asks for a tunnel, and none leads on from here")
    if target.startswith(b"/"):
        return request
    absolute = ABSOLUTE_TARGET.fullmatch(target)
    if absolute is None:
        raise HeadInvalid("the target is neither a path nor an address of this host")
    host, rest = absolute[1], absolute[2] or b"/"
    headers = [(b"host", host), *(pair for pair in request.headers if pair[0] != b"host")]
    return Head((method, rest if rest.startswith(b"/") else b"/" + rest, version), headers)


def decoded_path(path: bytes) -> str:
    """A path with its segments decoded. An encoded slash stays as it is: it divides no segments (RFC 3986, 2.2)."""
    return unquote(ENCODED_SLASH.sub(b"%252F", path).decode())


def refuse_ambiguous(request: Head) -> None:
    """Refuse a request that two readers could understand differently (RFC 9112, sections 3.2, 6.1 and 6.3).

    Host may be missing in HTTP/1.0 alone: health checks leave it out.

    Raises:
        HeadInvalid: its length is told twice or in no known way, a header that must be single is repeated, or Host is
            missing or can be no host.
    """
    for name in (*GIVEN_ONCE, b"host"):
        if len(request.values(name)) > 1:
            raise HeadInvalid(f"there are several {name.decode()} headers, and only one may be")
    hosts = request.values(b"host")
    if not hosts and request.first[2] == b"1.1":
        raise HeadInvalid("Host is missing, and HTTP/1.1 asks for it")
    if hosts and HOST.fullmatch(hosts[0]) is None:
        raise HeadInvalid("Host is no name or address with a port")
    lengths, codings = request.values(CONTENT_LENGTH), request.values(TRANSFER_ENCODING)
    if lengths and codings:
        raise HeadInvalid("Content-Length and Transfer-Encoding contradict each other")
    if lengths and LENGTH.fullmatch(lengths[0]) is None:
        raise HeadInvalid("Content-Length is no plain number")
    if codings and (codings[0].lower() != CHUNKED or request.first[2] != b"1.1"):
        raise HeadInvalid("Transfer-Encoding may only be chunked, and only in HTTP/1.1")


def parsed_answer(head: bytes) -> Head:
    """Read the head of an answer; ``first`` is its version and its status.

    Raises:
        HeadInvalid: it is none.
    """
    return _parsed(head, STATUS_LINE, "the status line is not HTTP/1.1 <status> <reason>, nor HTTP/1.0")


def written_request(
    method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], version: bytes = b"1.1"
) -> bytes:
    """Write the head of a request."""
    return _written(b"%s %s HTTP/%s" % (method, target, version), headers)


def written_answer(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
    """Write an answer."""
    return _written(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), headers) + body


def _no_method(first: bytes) -> str:
    if first.isalpha():
        return "its method does not begin with a capital letter, as all methods do"
    return "it does not begin as HTTP does; perhaps this is TLS, sent to a port without it"


def _without_empty_lines(received: bytes) -> bytes:
    found = EMPTY_LINES.match(received)
    return received[found.end() :] if found else received


def _parsed(head: bytes, first_line: re.Pattern[bytes], otherwise: str) -> Head:
    first, *lines = head.split(LINE_END)
    matched = first_line.fullmatch(first)
    if matched is None:
        raise HeadInvalid(otherwise)
    if len(lines) > MOST_HEADERS:
        raise HeadTooLarge(f"there are {len(lines)} headers, but {MOST_HEADERS} is the most")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or HEADER_NAME.fullmatch(name) is None:
            raise HeadInvalid("a header's name is missing, or has a character that none may have")
        if CONTROL_CHARACTER.search(value) is not None:
            raise HeadInvalid("a header's value has a control character")
        headers.append((name.lower(), value.strip(b" \t")))
    return Head(matched.groups(), headers)


def _written(first: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [first, *(b"%s: %s" % header for header in headers)]
    return LINE_END.join(lines) + HEAD_END
