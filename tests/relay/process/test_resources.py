import os
import resource
from contextlib import closing, suppress

import pytest

from relay.process.resources import LAST_FILES, RESERVED_FILES, Resources, open_files

MIB = 1024 * 1024


@pytest.fixture
def resources():
    """Those of this process, with a limit that it is far from."""
    resources = Resources(memory_limit_bytes=2**50)
    resources.look()
    yield resources
    resources.close()


def test_the_memory_is_that_of_this_process(resources):
    usage_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    assert 10 * MIB < resources.memory_bytes <= usage_bytes + 64 * MIB


def test_whoever_is_far_from_its_limits_refuses_nobody(resources):
    assert resources.refuses(files=10) == ""
    assert not resources.must_close


def test_f4_newcomers_are_refused_from_80_percent_on_and_the_largest_closed_from_90(resources):
    seen = []
    for percent in (79, 81, 89, 91):
        resources.memory_limit_bytes = resources.memory_bytes * 100 // percent
        seen.append((resources.refuses(files=10), resources.must_close))

    assert seen == [("", False), ("memory", False), ("memory", False), ("memory", True)]


def test_f6_newcomers_are_refused_before_the_last_files_are_used(resources):
    assert resources.refuses(resources.most_files - RESERVED_FILES - 1) == ""
    assert resources.refuses(resources.most_files - RESERVED_FILES) == "files"


def test_without_a_limit_memory_is_never_short(monkeypatch, tmp_path):
    monkeypatch.setattr("relay.process.resources.CGROUP_LIMIT", tmp_path / "none")
    with closing(Resources(memory_limit_bytes=0)) as resources:
        resources.look()

        assert (resources.memory_limit_bytes, resources.refuses(files=1)) == (0, "")


@pytest.mark.parametrize(("told", "limit_bytes"), [("max\n", 0), (f"{512 * MIB}\n", 512 * MIB)])
def test_the_limit_of_the_control_group_is_taken_where_no_other_is_set(monkeypatch, tmp_path, told, limit_bytes):
    (tmp_path / "memory.max").write_text(told)
    monkeypatch.setattr("relay.process.resources.CGROUP_LIMIT", tmp_path / "memory.max")

    with closing(Resources(memory_limit_bytes=0)) as resources:
        assert resources.memory_limit_bytes == limit_bytes


@pytest.fixture
def no_files_left():
    """Opens files until the process may have no more."""
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + 8, former[1]))
    opened = []
    with suppress(OSError):
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    yield
    for file in opened:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, former)


def test_f6_the_memory_guard_works_where_no_file_is_left(resources, no_files_left):
    resources.memory_bytes = 0
    with pytest.raises(OSError, match="Too many open files"):
        os.open("/dev/null", os.O_RDONLY)

    resources.look()

    assert resources.memory_bytes > 10 * MIB


def test_f6_all_files_of_the_process_count_and_those_that_handshakes_will_open(resources):
    resources.most_files = open_files() + RESERVED_FILES + 5

    assert (resources.refuses(files=0, to_come=4), resources.refuses(files=0, to_come=5)) == ("", "files")


def test_f6_the_last_files_are_for_answers_at_once(resources):
    seen = []
    for more in (LAST_FILES, LAST_FILES + 1):
        resources.most_files = open_files() + more
        seen.append(resources.is_at_last_files)

    assert seen == [True, False]
