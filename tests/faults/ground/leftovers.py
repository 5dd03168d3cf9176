"""What a test must not leave behind: processes, open files, temporary files, keys in Redis without an end."""

import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event

from relay.store import keys
from relay.store.pool import blocking

PATIENCE_SECONDS, POLL_SECONDS = 5.0, 0.02
OUR_KEYS = ("floodgate:", "{")  # Celery has some of its own
OWN_FILES = Path("/proc/self/fd")
KINDS_OF_FILES = ("socket:", "pipe:", "anon_inode:")


def processes_with(variable: str) -> list[str]:
    """Command lines of all processes that have this in their environment, orphans too; and our children's zombies."""
    folders = (folder for folder in Path("/proc").iterdir() if folder.name.isdecimal())
    return [_command(folder) for folder in folders if _has(folder, variable)]


def open_files() -> Counter[str]:
    """Our own, by kind, or by name where they have one."""
    targets = Counter[str]()
    for file in OWN_FILES.iterdir():
        try:
            target = str(file.readlink())
        except FileNotFoundError:
            continue  # the folder itself, as it was listed
        targets[next((kind for kind in KINDS_OF_FILES if target.startswith(kind)), target)] += 1
    return targets


def keys_without_end() -> list[str]:
    """Keys of ours in Redis that would stay for ever, less the streams, which are trimmed, and clients' records."""
    redis, streams = blocking(), (keys.announcements(), keys.telemetry())
    ours = (name for name in redis.scan_iter() if name.startswith(OUR_KEYS) and name not in streams)
    return [name for name in ours if name != keys.clients(_tenant_of(name)) and redis.ttl(name) == -1]


def none_left(look: Callable[[], object]) -> object:
    """What is still there after a while, if anything is: ends of processes and sockets take a moment."""
    over_at = time.monotonic() + PATIENCE_SECONDS
    while (left := look()) and time.monotonic() < over_at:
        gc.collect()
        Event().wait(POLL_SECONDS)
    return left


def _has(folder: Path, variable: str) -> bool:
    try:
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        if state == "Z":
            return int(parent) == os.getpid()
        return variable.encode() in (folder / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode() or f"zombie {folder.name}"
    except (FileNotFoundError, ProcessLookupError):
        return f"just gone: {folder.name}"


def _tenant_of(name: str) -> str:
    return name.partition("}")[0].removeprefix("{")
