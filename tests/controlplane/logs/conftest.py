"""Syslog servers."""

from contextlib import ExitStack

import pytest

from tests.controlplane.logs.syslog_server import TRANSPORTS, SyslogServer


@pytest.fixture(params=TRANSPORTS)
def server(request, tmp_path):
    """A server over each transport, which does not listen yet, and is gone after the test."""
    with ExitStack() as stack:
        server = SyslogServer(request.param, tmp_path)
        stack.callback(server.stop)
        yield server
