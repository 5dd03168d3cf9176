"""What a test sees of a relay's processes, and does to them."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 40.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class RelayProcess:
    """A relay that runs; with several processes the one that is held is their supervisor."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        """Its WebSocket address, without a slash at the end."""
        return f"ws://127.0.0.1:{self.port}"

    def children(self) -> set[int]:
        """Ids of the supervisor's processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return {int(child) for child in listed.split()}

    def memory_bytes(self) -> int:
        """What the process has in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES

    def wait_until_ready(self, processes: int) -> None:
        """Wait until it answers, with as many processes as it shall have."""
        over_at = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready(processes):
            assert time.monotonic() < over_at, "the relay does not become ready"
            assert self.process.poll() is None, "the relay ended"
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and all its processes at once."""
        for child in self.children() if self.process.poll() is None else ():
            os.kill(child, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()

    def _is_ready(self, processes: int) -> bool:
        if processes > 1 and len(self.children()) < processes:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
