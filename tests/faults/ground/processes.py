"""What a test sees of a relay's processes, and does to them."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.architecture.sources import ROOT

PATIENCE_SECONDS = 40.0
POLL_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
ESTABLISHED, LISTENING = "01", "0A"
EVENT_POLL, WATCHED = "anon_inode:[eventpoll]", re.compile(r"^tfd:\s+(\d+)", re.MULTILINE)
LISTENS = re.compile(r"listens on \S+:(\d+)\n")


@dataclass(frozen=True, slots=True)
class RelayProcess:
    """A relay that runs; with several processes the one that is held is their supervisor."""

    process: "subprocess.Popen[str]"
    port: int
    operations_ports: Sequence[int]

    @property
    def url(self) -> str:
        """Its WebSocket address, without a slash at the end."""
        return f"ws://127.0.0.1:{self.port}"

    def children(self) -> set[int]:
        """Ids of the supervisor's processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return {int(child) for child in listed.split()}

    def busiest(self) -> int:
        """Id of the supervisor's process that holds the most connections: another may hold none."""
        connections = _inodes(self.port, ESTABLISHED)
        return max(self.children(), key=lambda child: len(connections & set(_files(child).values())))

    def memory_bytes(self) -> int:
        """What the process has in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name which have these labels."""
        samples = [sample for port in self.operations_ports for sample in _samples(port, name)]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def wait_until_ready(self, processes: int) -> None:
        """Wait until it answers, with as many processes as it shall have."""
        over_at = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready(processes):
            assert time.monotonic() < over_at, "the relay does not become ready"
            assert self.process.poll() is None, "the relay ended"
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(POLL_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def has_ended(self) -> bool:
        """Tell whether the process is gone."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """End it and all its processes at once."""
        if self.process.poll() is None:
            self.signal(signal.SIGSTOP)  # or it would start a child that is not seen here
            for process_id in (*self.children(), self.process.pid):
                os.kill(process_id, signal.SIGKILL)
        self.process.communicate()

    def _is_ready(self, processes: int) -> bool:
        if processes > 1 and sum(watches(child, self.port) for child in self.children()) < processes:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.operations_ports[0]}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def relay_command(processes: int, port: int, *, broken: str = "", limits: str = "") -> tuple[str, ...]:
    """How a relay is started: as it is, or with one defence ``broken``; ``limits`` are options of ulimit."""
    program = ("tests/faults/ground/broken.py",) if broken else ("manage.py",)
    command = (sys.executable, *program, "relay", "--port", str(port), "--processes", str(processes))
    return ("sh", "-c", f'ulimit {limits} && exec "$@"', "sh", *command) if limits else command


def started_relay(
    command: tuple[str, ...], environment: Mapping[str, str], log: Path | None, operations_ports: Sequence[int]
) -> RelayProcess:
    """A relay that listens; without a ``log`` its output is a pipe that nobody reads any further."""
    environment = {**environment, "FLOODGATE_OPERATIONS_PORT": str(operations_ports[0])}
    with log.open("w") if log else nullcontext(subprocess.PIPE) as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, text=True)
    told, over_at = "", time.monotonic() + PATIENCE_SECONDS
    while (found := LISTENS.search(told)) is None:
        assert process.poll() is None, f"the relay ended: {told}"
        if time.monotonic() > over_at:
            process.kill()
            process.communicate()
            raise AssertionError(f"the relay does not listen: {told}")
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
        told = log.read_text() if log else cast(IO[str], process.stdout).readline()
    return RelayProcess(process, int(found[1]), operations_ports)


def watches(process_id: int, port: int) -> bool:
    """Tell whether a process waits for connections to ``port``: its loop watches the listening socket (proc(5))."""
    inodes = _inodes(port, LISTENING)
    try:
        files = _files(process_id)
        loops = [
            Path(f"/proc/{process_id}/fdinfo/{name}").read_text() for name, file in files.items() if file == EVENT_POLL
        ]
    except OSError:  # it ended meanwhile
        return False
    return any(files.get(watched) in inodes for loop in loops for watched in WATCHED.findall(loop))


def unread_bytes(remote_port: int) -> list[int]:
    """What waits unread in each of this machine's sockets that are connected to a port (proc(5): net/tcp)."""
    ours = (row for row in _tcp_rows() if row[2].endswith(f":{remote_port:04X}") and row[3] == ESTABLISHED)
    return [int(row[4].partition(":")[2], 16) for row in ours]


def _samples(port: int, name: str) -> list[Sample]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return [sample for family in families for sample in family.samples if sample.name == name]


def _files(process_id: int) -> dict[str, str]:
    """What a process has open, by the number of the file, less what it closes meanwhile."""
    files = {}
    for link in Path(f"/proc/{process_id}/fd").iterdir():
        with suppress(FileNotFoundError):
            files[link.name] = str(link.readlink())
    return files


def _inodes(port: int, state: str) -> set[str]:
    return {f"socket:[{row[9]}]" for row in _tcp_rows() if row[1].endswith(f":{port:04X}") and row[3] == state}


def _tcp_rows() -> list[list[str]]:
    return [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
