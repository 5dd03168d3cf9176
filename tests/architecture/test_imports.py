import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.faults import listed
from tests.architecture.sources import (
    PURE_PACKAGES,
    ROOT,
    imported_names,
    modules,
    parsed,
    pure_modules,
    relative,
    source_files,
)

IMPURE_MODULES = {
    "aiohttp", "asyncio", "channels", "django", "multiprocessing", "os", "random", "redis", "secrets", "select",
    "selectors", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "uvloop", "websockets",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "open", "uuid1", "uuid4", "getrandom", "urandom", "monotonic", "perf_counter"}
HEAVY_MODULES = {"aiohttp", "asyncio", "channels", "django", "redis", "uvloop", "websockets"}
DOOR_TO_REDIS = "relay.store"


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: set(_own_modules_imported_by(name)) for name in modules()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"Move what both need further down: {' -> '.join(error.args[1])}")


def test_no_cycle_hides_under_type_checking():
    hidden = [
        f"{relative(path)}:{node.lineno}"
        for path in source_files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]

    assert not hidden, listed("Import at the top, as what runs does.", hidden)


def test_pure_packages_import_neither_django_nor_sockets_nor_a_clock_nor_chance():
    faults = [
        f"{relative(path)}:{line} imports {name}"
        for path in pure_modules().values()
        for name, line in imported_names(parsed(path))
        if name.partition(".")[0] in IMPURE_MODULES or name.startswith(("urllib.request", "http.client"))
    ]

    assert not faults, listed(
        "Pass time and random numbers in as arguments; leave sockets to gateway/ and upstream/.", faults
    )


def test_pure_packages_ask_nobody_what_time_it_is():
    faults = [
        f"{relative(path)}:{node.lineno} calls {ast.unparse(node.func)}"
        for path in pure_modules().values()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in IMPURE_CALLS
    ]

    assert not faults, listed("Pass the time in as an argument.", faults)


def test_importing_the_pure_packages_loads_nothing_heavy():
    program = f"import sys, {', '.join(pure_modules())}; print(*(set(sys.modules) & {HEAVY_MODULES!r}))"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == [], f"relay/__init__.py and those of {PURE_PACKAGES} stay empty."


def test_redis_has_one_door():
    faults = [
        f"{relative(path)}:{line}"
        for module, path in modules().items()
        for name, line in imported_names(parsed(path))
        if name.partition(".")[0] in {"redis", "channels_redis"} and not module.startswith(DOOR_TO_REDIS)
    ]

    assert not faults, listed("Ask relay/store for it: a function with a promise, not a connection.", faults)


def _own_modules_imported_by(name):
    for imported, _ in imported_names(parsed(modules()[name])):
        parent = imported.rpartition(".")[0]
        target = imported if imported in modules() else parent
        if target in modules() and target != name:
            yield target
