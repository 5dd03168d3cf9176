import re

import pytest

from tests.architecture.faults import listed
from tests.architecture.sources import ROOT, SOURCE_FOLDERS, relative, source_files

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
LINE = re.compile(r"(?P<path>\S+) — \S.*")


def test_the_tree_in_the_documentation_is_the_tree_in_the_repository():
    written, real = set(_written_paths()), set(_real_paths())

    assert real <= written, listed(
        f"Add a line to the tree in {relative(PAGE)}: path — what belongs there.", sorted(real - written)
    )
    assert written <= real, listed(f"No longer there: take the line out of {relative(PAGE)}.", sorted(written - real))


def test_the_tree_is_in_order_and_names_nothing_twice():
    written = _written_paths()

    assert written == sorted(set(written), key=lambda path: path.rstrip("/").split("/"))


def _written_paths():
    tree = re.search(r"^```tree\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = tree[1].splitlines() if tree else pytest.fail(f"{relative(PAGE)} has no block that begins with ```tree")
    wrong = [line for line in lines if not LINE.fullmatch(line)]
    assert wrong == [], "A line of the tree is: path — what belongs there"
    return [line.partition(" — ")[0] for line in lines]


def _real_paths():
    """Packages, modules and Lua scripts; an __init__.py is its package, and migrations are history."""
    for path in source_files():
        yield f"{relative(path.parent)}/" if path.name == "__init__.py" else relative(path)
    yield from (relative(path) for folder in SOURCE_FOLDERS for path in folder.rglob("*.lua"))
