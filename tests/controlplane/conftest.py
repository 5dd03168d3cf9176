import os
import re
import subprocess
import sys
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest

from tests.architecture.sources import ROOT


class Web:
    """A real web process: Daphne with Floodgate's ASGI application, on the test's own database and Redis."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    def ask(self, path, *, form=None, headers=None):
        """Status, headers and body of a GET, or of a POST of ``form``."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as caller:
            caller.request("GET" if form is None else "POST", path, body=form, headers=headers or {})
            answer = caller.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture
def web(web_with_files):
    """Started and ready."""
    return web_with_files(4_096)


@pytest.fixture
def web_with_files(transactional_db, redis, redis_url, test_database):
    """Starts web processes that may open so many files."""
    with ExitStack() as stack:

        def start(files):
            own = {"DATABASE_URL": test_database, "REDIS_URL": redis_url, "FLOODGATE_LOG_LEVEL": "INFO"}
            command = ("sh", "-c", 'ulimit -n "$0" && exec "$@"', str(files), sys.executable, "manage.py", "web")
            process = stack.enter_context(
                subprocess.Popen(
                    (*command, "--port", "0"), cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True
                )
            )
            stack.callback(_end, process)
            return Web(process, _port(process))

        yield start


def _end(process):
    process.terminate()
    process.communicate(timeout=10)


def _port(process):
    for line in process.stdout:
        if found := re.search(r"Web listens on \S+:(\d+)$", line.strip()):
            return int(found[1])
    pytest.fail("web ended before it listened")
