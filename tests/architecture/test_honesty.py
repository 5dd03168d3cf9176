import ast
import re

from tests.architecture.faults import listed
from tests.architecture.sources import files_of_tests, imported_names, parsed, relative

MOCKS = re.compile(r"unittest\.mock|pytest_mock|\bmocker\b|MagicMock|AsyncMock")
SKIPS = ("skip", "skipif", "importorskip", "xfail")


def test_no_test_sleeps():
    sleepers = [
        f"{relative(path)}:{node.lineno}"
        for path in files_of_tests()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep"
    ]

    assert not sleepers, listed("Pass time in, or wait for an event with a time limit.", sleepers)


def test_no_test_replaces_our_code_by_a_mock():
    mocks = [
        f"{relative(path)}:{line} uses {name}"
        for path in files_of_tests()
        for name, line in [*imported_names(parsed(path)), *_arguments(path)]
        if MOCKS.search(name)
    ]

    assert not mocks, listed("Use the real thing; platforms are simulated over the network, by sdk/simulator.", mocks)


def test_no_test_is_skipped():
    skips = [
        f"{relative(path)}:{node.lineno}"
        for path in files_of_tests()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in SKIPS
        and ast.unparse(node.value) in ("pytest", "pytest.mark")
    ]

    assert not skips, listed("A test that is not run promises nothing. Provide what it needs, or delete it.", skips)


def _arguments(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
