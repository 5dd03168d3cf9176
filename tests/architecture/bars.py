"""The shape of our code, in the figures of the bars. `python -m tests.architecture.bars` prints the table."""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.architecture.sources import (
    docstring_of,
    files_of_tests,
    imported_names,
    module_name,
    parsed,
    relative,
    source_files,
)

LONGEST_FILE, LONGEST_FUNCTION, USUAL_IMPORTS, MOST_IMPORTS, MOST_FILES = 400, 40, 12, 18, 16
ROOMY_FOLDERS = ("api", "portal", "commands")  # a subject a file, and there are many subjects
LONGEST_PATH = 3  # names in an import path; commands and tests have one more
EXCUSES = re.compile(r"#\s*type:\s*ignore|#\s*pragma:\s*no\s*cover|#\s*(TODO|FIXME|XXX)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table: what was measured, the bar, and what stands beyond it."""

    name: str
    value: str
    bar: str
    beyond: tuple[str, ...] = ()


def figures() -> list[Figure]:
    """The whole table."""
    return [*_sizes(), *_imports(), *_words(), *_tests()]


def _sizes() -> Iterator[Figure]:
    lengths = {relative(path): len(_lines(path)) for path in (*source_files(), *files_of_tests())}
    own = [len(_lines(path)) for path in source_files() if path.name != "__init__.py"]
    yield _limited("median lines of a file", median(own), 120)
    yield _each("longest file, lines", lengths, LONGEST_FILE)
    functions = {
        f"{relative(path)}:{node.name}": _function_lines(node)
        for path in (*source_files(), *files_of_tests())
        for node in _functions(path)
    }
    yield _limited("median lines of a function", median(functions.values()), 8)
    yield _each("longest function, lines without docstring", functions, LONGEST_FUNCTION)
    folders = Counter(relative(path.parent) for path in source_files() if path.name != "__init__.py")
    crowded = {folder: count for folder, count in folders.items() if Path(folder).name not in ROOMY_FOLDERS}
    yield _each("most files in a folder", crowded, MOST_FILES)


def _imports() -> Iterator[Figure]:
    counts = {relative(path): _import_lines(path) for path in source_files() if path.name != "__init__.py"}
    usual = quantiles(counts.values(), n=10, method="inclusive")[-1]
    beyond = tuple(f"{subject}: {count}" for subject, count in counts.items() if count > USUAL_IMPORTS)
    yield Figure(
        "import lines, 90th percentile", f"{usual:g}", str(USUAL_IMPORTS), beyond if usual > USUAL_IMPORTS else ()
    )
    yield _each("most import lines", counts, MOST_IMPORTS)
    depths = {
        relative(path): module_name(path).count(".") + 1
        for path in source_files()
        if "commands" not in path.parts and path.name != "__init__.py"
    }
    yield _each("longest import path, names", depths, LONGEST_PATH)


def _words() -> Iterator[Figure]:
    bare = tuple(name for path in source_files() for name in _undocumented(path))
    yield Figure("public names and modules without docstring", str(len(bare)), "0", bare)
    lines = sum(len(_lines(path)) for path in source_files())
    comments = sum(_comments(path) for path in source_files())
    yield _limited("comment lines per 100", 100 * comments / lines, 8)
    excuses = tuple(
        f"{relative(path)}:{number}"
        for path in (*source_files(), *files_of_tests())
        for number, line in enumerate(_lines(path), 1)
        if EXCUSES.search(line)
    )
    yield Figure("excuses: type, coverage, to do", str(len(excuses)), "0", excuses)


def _tests() -> Iterator[Figure]:
    tests = [node for path in files_of_tests() for node in _functions(path) if node.name.startswith("test_")]
    yield _limited("median lines of a test", median(_function_lines(node) for node in tests), 10)
    patches = sum(
        ast.unparse(node.func).endswith(("monkeypatch.setattr", "monkeypatch.setitem"))
        for path in files_of_tests()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
    )
    yield _limited(f"patches per 100 tests, of {len(tests)}", 100 * patches / len(tests), 1)


def _limited(name: str, value: float, bar: float) -> Figure:
    return Figure(name, f"{value:.3g}", f"{bar:g}", (name,) if value > bar else ())


def _each(name: str, values: dict[str, int], bar: int) -> Figure:
    beyond = tuple(f"{subject}: {value}" for subject, value in sorted(values.items()) if value > bar)
    return Figure(name, str(max(values.values())), str(bar), beyond)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _functions(path: Path) -> Iterator[Function]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def _function_lines(node: Function) -> int:
    docstring = docstring_of(node)
    documented = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - documented


def _import_lines(path: Path) -> int:
    return len({line for _, line in imported_names(parsed(path))})


def _comments(path: Path) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT and "noqa" not in token.string})


def _undocumented(path: Path) -> Iterator[str]:
    tree = parsed(path)
    if path.name != "__init__.py" and not docstring_of(tree):
        yield relative(path)
    yield from (f"{relative(path)}:{name}" for name in _bare_names(tree))


def _bare_names(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_") or child.name == "Meta":
            continue
        if not docstring_of(child):
            yield child.name
        if isinstance(child, ast.ClassDef):
            yield from (f"{child.name}.{name}" for name in _bare_names(child))


def table() -> str:
    """The table, for people."""
    rows = [("", "ours", "bar"), *((figure.name, figure.value, figure.bar) for figure in figures())]
    return "\n".join(f"{name:<46}{value:>8}{bar:>8}" for name, value, bar in rows)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
