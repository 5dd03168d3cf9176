"""Which of a client's headers go on to the platform: those on a list, and none that is of one hop or a secret."""

import re
from collections.abc import Collection, Iterable

PASSED_ON = re.compile(  # they say which program asks, or follow a request; any other may hold a secret or an address
    r"user-agent|accept-language|traceparent|tracestate|baggage|b3|x-b3-[a-z]+"
    r"|(x-|inin-)?(correlation|request|session|trace|transaction)(-id)?"
)
NEVER_PASSED_ON = re.compile(  # of one hop, made anew, or the client's secrets: no setting adds them
    r"host|connection|upgrade|keep-alive|te|trailer|transfer-encoding|content-length|authorization|cookie|expect|via"
    r"|origin|forwarded|x-forwarded-.*|x-real-ip|proxy-.*|sec-websocket-.*"
)
HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
OWN_VIA = "1.1 floodgate"


def passed_on(headers: Iterable[tuple[str, str]], also: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The headers that go on, and a Via that names us (RFC 9110, section 7.6.3).

    What the client's Connection names is of its hop, whatever it is (section 7.6.1). Its Origin names our host, and
    ends here: a platform would compare it with its own.

    Args:
        headers: in the order in which they came, their names in small letters.
        also: names that an administrator adds to the list.
    """
    came = list(headers)
    of_this_hop = {word.strip().lower() for name, value in came if name == "connection" for word in value.split(",")}
    passed = [(name, value) for name, value in came if name not in of_this_hop and (name in also or _passes(name))]
    via = ", ".join([*(value for name, value in came if name == "via"), OWN_VIA])
    return (*passed, ("via", via))


def header_name(text: str) -> str:
    """The name of a header that an administrator may add, in small letters.

    Raises:
        ValueError: it is none, or one that never goes on.
    """
    name = text.lower()
    if HEADER_NAME.fullmatch(name) is None or NEVER_PASSED_ON.fullmatch(name):
        raise ValueError(f"{text!r} is no header, or one that never goes on")
    return name


def _passes(name: str) -> bool:
    return PASSED_ON.fullmatch(name) is not None
