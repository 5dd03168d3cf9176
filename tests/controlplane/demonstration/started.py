"""A demo as a visitor starts it: a process of its own, whose words are read line by line."""

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from controlplane.demonstration.environment import free_port

PROJECT = Path(__file__).parents[3]
STEERING = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TRAFFIC", "DEMO_WORKERS")
UP, FLOWS = "Ctrl-C ends it.", "offered"  # without traffic the one is the last to be said, with it the other
END_SECONDS = 10
PARENT = 1  # the place of the parent's id in /proc/PID/stat, after the command's closing bracket and the state


@dataclass(frozen=True, slots=True)
class Life:
    """What a demo said while it ran, the programs that it had started, its status at the end.

    ``processes`` counts the relay processes that its database knows then, by whether all that they counted is there.
    """

    credentials: dict[str, Any]
    stats: dict[str, Any]
    programs: set[int]
    status: int
    processes: Counter[bool]


class StartedDemo:
    """One `manage.py demo`. Leaves nothing behind."""

    def __init__(self, directory: Path, ports: dict[str, int], *, traffic: str = "1", workers: str = "1") -> None:
        """Nothing is started before the block begins."""
        self.directory = directory
        self.ports = ports
        self._traffic = traffic
        self._workers = workers
        self.said: list[str] = []  # the lines that were read

    def __enter__(self) -> Self:
        """Start it and wait until it is up."""
        self.process = start(self.directory, self.ports, self._traffic, self._workers)
        self.wait_for(UP if self._traffic == "0" else FLOWS)
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if the test did not."""
        with self.process:
            self.end(signal.SIGTERM)

    def wait_for(self, words: str) -> str:
        """The first line with these words; the test's time limit ends the wait."""
        for line in self.process.stdout or ():
            self.said.append(line)
            if words in line:
                return line
        _, complaint = self.process.communicate()
        raise AssertionError(f"The demo ended before it said {words!r}: {complaint}")

    def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, and give the status."""
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)

    @property
    def credentials(self) -> dict[str, Any]:
        """What credentials.json says."""
        credentials: dict[str, Any] = json.loads((self.directory / "credentials.json").read_text())
        return credentials

    def stats(self) -> dict[str, Any]:
        """What the platforms counted."""
        stats: dict[str, Any] = json.loads(fetch(f"http://127.0.0.1:{self.ports['simulator']}/control/stats"))
        return stats

    def programs(self) -> set[int]:
        """Ids of the processes that it started."""
        return children_of(self.process.pid)

    def processes(self) -> Counter[bool]:
        """How many relay processes the database knows, by whether their last record was rolled up."""
        with closing(sqlite3.connect(self.directory / "floodgate.sqlite3")) as database:
            return Counter(bool(ended) for (ended,) in database.execute("SELECT has_ended FROM relay_relayprocess"))

    def relays(self) -> set[int]:
        """Ids of the relay processes, where there are several."""
        return {child for program in self.programs() for child in children_of(program) if _is_relay(child)}


def start(directory: Path, ports: Mapping[str, int], traffic: str = "1", workers: str = "1") -> "subprocess.Popen[str]":
    """Start a demo, and do not wait."""
    return subprocess.Popen(
        command_line(directory, ports),
        env={**environment(), "TRAFFIC": traffic, "DEMO_WORKERS": workers},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command_line(directory: Path, ports: Mapping[str, int]) -> list[str]:
    """What starts a demo."""
    options = [option for name, port in ports.items() for option in (f"--{name}-port", str(port))]
    return [sys.executable, str(PROJECT / "manage.py"), "demo", "--directory", str(directory), *options]


def environment() -> dict[str, str]:
    """The variables of this process, less those that would steer a demo."""
    return {name: value for name, value in os.environ.items() if name not in STEERING}


def free_ports() -> dict[str, int]:
    """The ports of a demo with one relay process."""
    return {name: free_port() for name in ("web", "relay", "simulator", "operations")}


def fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> str:
    """What a URL answers, whatever proxies this machine has."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, dict(headers or {})), timeout=5) as answer:  # noqa: S310 - ours
        text: str = answer.read().decode()
        return text


def left_of(process_ids: Iterable[int]) -> set[int]:
    """Those of some processes that do not end within ``END_SECONDS``."""
    return {process_id for process_id in process_ids if not _ends(process_id)}


def _ends(process_id: int) -> bool:
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as watched:
        ended, _, _ = select.select([watched], [], [], END_SECONDS)
    return bool(ended)


def children_of(parent: int) -> set[int]:
    """Ids of the processes that a process started."""
    ids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return {process_id for process_id in ids if _parent_of(process_id) == parent}


def _is_relay(process_id: int) -> bool:
    return b"\0--inherited\0" in Path(f"/proc/{process_id}/cmdline").read_bytes()


def _parent_of(process_id: int) -> int:
    try:
        return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[PARENT])
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return 0
