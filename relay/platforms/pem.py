"""Blocks of PEM, as programs and people write them (RFC 7468)."""

import re

BLOCK = re.compile("-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \\1-----", re.DOTALL)
BOUNDARY = re.compile("-----(BEGIN|END) ")


def pem_blocks(text: str) -> tuple[str, ...]:
    """The blocks in their order. What stands around them explains something to people (section 2), in any language.

    Raises:
        ValueError: there is none, or one is not whole.
    """
    blocks = tuple(found[0] for found in BLOCK.finditer(text))
    if not blocks or BOUNDARY.search(BLOCK.sub("", text)):
        raise ValueError("there is no whole block from -----BEGIN to -----END")
    return blocks
