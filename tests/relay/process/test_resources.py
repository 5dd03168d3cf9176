import resource

import pytest

from relay.process.resources import RESERVED_FILES, Resources

MIB = 1024 * 1024


@pytest.fixture
def resources():
    """Those of this process, with a limit that it is far from."""
    resources = Resources(memory_limit_bytes=2**50)
    resources.look()
    return resources


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
    resources = Resources(memory_limit_bytes=0)
    resources.look()

    assert (resources.memory_limit_bytes, resources.refuses(files=1)) == (0, "")


@pytest.mark.parametrize(("told", "limit_bytes"), [("max\n", 0), (f"{512 * MIB}\n", 512 * MIB)])
def test_the_limit_of_the_control_group_is_taken_where_no_other_is_set(monkeypatch, tmp_path, told, limit_bytes):
    (tmp_path / "memory.max").write_text(told)
    monkeypatch.setattr("relay.process.resources.CGROUP_LIMIT", tmp_path / "memory.max")

    assert Resources(memory_limit_bytes=0).memory_limit_bytes == limit_bytes
