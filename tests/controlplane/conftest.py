import os
import socket
import subprocess
import sys
from contextlib import closing
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
def web(transactional_db, redis, redis_url, test_database):
    """Started and ready."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    own = {"DATABASE_URL": test_database, "REDIS_URL": redis_url, "FLOODGATE_LOG_LEVEL": "INFO"}
    command = [sys.executable, "-m", "daphne", "-v", "0", "-p", str(port), "controlplane.asgi:application"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
        _wait_until_listening(process)
        yield Web(process, port)
        process.terminate()
        process.communicate(timeout=10)


def _wait_until_listening(process):
    for line in process.stdout:
        if "Listening on TCP address" in line:
            return
    pytest.fail("web ended before it listened")
