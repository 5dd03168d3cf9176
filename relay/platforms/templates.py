"""Addresses with {region}, {tenant} and {channel} in them: three names that are replaced literally, and nothing else.

``str.format`` would also follow attributes and obey widths: ``{tenant:>1500000000}`` allocates gigabytes.
"""

import re
from collections.abc import Mapping

from relay.platforms.addresses import AddressRefused

NAMED_HOST = re.compile(r"[^:]*://[^/?#]*\{(?:tenant|channel)")
PLACEHOLDER = re.compile(r"\{(region|tenant|channel)\}")


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders replaced in one pass; those that ``values`` does not name stay."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def refuse_other_braces(template: str) -> None:
    """Check that a template has no braces but those of the three placeholders, and a host that no name decides.

    A host with {tenant} or {channel} would lead wherever those who enter these names want.

    Raises:
        AddressRefused: it has; the message is a sentence.
    """
    rest = PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest:
        raise AddressRefused(
            "Only {region}, {tenant} and {channel} can stand in braces, written exactly so. Write other braces as %7B"
            " and %7D."
        )
    if NAMED_HOST.match(template):
        raise AddressRefused("{tenant} and {channel} can stand behind the host only: write the host itself out.")
