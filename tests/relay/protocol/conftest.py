"""Hypothesis in this folder has no deadline, since a busy machine is slow and nothing here waits."""

import pytest
from hypothesis import settings

from relay.protocol.frames import FrameScanner
from tests.relay.protocol.wire import scanner_of_clients

settings.register_profile("busy_machine", deadline=None)
settings.load_profile("busy_machine")


@pytest.fixture
def scanner() -> FrameScanner:
    """A scanner of what a client sends, uncompressed."""
    return scanner_of_clients()
