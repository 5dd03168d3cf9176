"""How many log lines this process could not write, told by whoever writes them."""

import logging


def dropped_log_lines() -> int:
    """Lines that the root logger's handlers dropped since the process began; handlers that count none do not count."""
    return sum(getattr(handler, "dropped", 0) for handler in logging.getLogger().handlers)
