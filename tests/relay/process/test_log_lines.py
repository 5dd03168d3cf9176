import logging

import pytest

from relay.process.log_lines import dropped_log_lines


@pytest.fixture
def root_handler():
    """Adds a handler to the root logger until the test is over."""
    added = []

    def add(handler):
        added.append(handler)
        logging.getLogger().addHandler(handler)

    yield add
    for handler in added:
        logging.getLogger().removeHandler(handler)


def test_the_lines_of_all_handlers_that_count_are_added_up(root_handler):
    before, counting = dropped_log_lines(), logging.NullHandler()
    counting.dropped = 3
    root_handler(counting)
    root_handler(logging.NullHandler())

    assert dropped_log_lines() == before + 3
