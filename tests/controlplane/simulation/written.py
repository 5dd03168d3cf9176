"""Policies and traces as files."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

Unchecked: TypeAlias = Any  # what files may hold

TEN_A_SECOND = """
zones:
  - name: client
    permits: 10
    burst: 4
    delay: 4
"""


def write_trace(path: Path, lines: Iterable[dict[str, Unchecked]]) -> str:
    """A trace, compressed where the name says so; answers its path."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def write_policy(path: Path, text: str = TEN_A_SECOND) -> str:
    """A policy; answers its path."""
    path.write_text(text, encoding="utf-8")
    return str(path)
