"""How the architecture tests tell what is wrong: advice first, then every place, one a line."""

from collections.abc import Iterable


def listed(advice: str, faults: Iterable[str]) -> str:
    """The message of an assertion; pytest itself would cut a long list short."""
    return "\n  ".join([advice, *faults])
