"""A web process as people start it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPMessage

from tests.architecture.sources import ROOT


class Web:
    """A real web process: Daphne with Floodgate's doors and ASGI application."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        """The process, and where it listens."""
        self.process = process
        self.port = port

    def ask(
        self, path: str, *, form: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, HTTPMessage, bytes]:
        """Status, headers and body of a GET, or of a POST of ``form``."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as caller:
            caller.request("GET" if form is None else "POST", path, body=form, headers=dict(headers or {}))
            answer = caller.getresponse()
            return answer.status, answer.headers, answer.read()


@contextmanager
def running_web(files: int = 4_096, **variables: str) -> Iterator[Web]:
    """A web process that may open so many files, with ``variables``; ended with the block."""
    limited = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(files))
    command = (*limited, sys.executable, "manage.py", "web", "--port", "0")
    environment = {**os.environ, "FLOODGATE_LOG_LEVEL": "INFO", **variables}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Web(process, _port(process))
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _port(process: "subprocess.Popen[str]") -> int:
    for line in process.stdout or ():
        if found := re.search(r"Web listens on \S+:(\d+)$", line.strip()):
            return int(found[1])
    raise AssertionError("web ended before it listened")
