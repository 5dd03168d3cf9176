"""The project's files as the architecture tests see them: where they are, what they import. Judges nothing."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIMULATOR = ROOT / "sdk" / "simulator" / "src"
PACKAGES = ("controlplane", "relay", "tenants")
SOURCE_FOLDERS = (*(ROOT / package for package in PACKAGES), SIMULATOR / "floodgate_simulator")
PURE_PACKAGES = ("relay.simulation", "relay.throttle", "relay.protocol", "relay.platforms")


@cache
def source_files() -> tuple[Path, ...]:
    """All Python files that run in production or in a demo, migrations left out."""
    return tuple(path for folder in SOURCE_FOLDERS for path in python_files(folder))


@cache
def files_of_tests() -> tuple[Path, ...]:
    """All Python files under tests/."""
    return tuple(python_files(ROOT / "tests"))


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files of a folder and those below, in order, migrations left out."""
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    """A path as people write it: from the project's root."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """The name under which a source file is imported."""
    base = SIMULATOR if path.is_relative_to(SIMULATOR) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Every module of the source, by name."""
    return {module_name(path): path for path in source_files()}


def pure_modules() -> dict[str, Path]:
    """The modules that know neither Django nor sockets nor time, by name, packages themselves left out."""
    return {
        name: path
        for name, path in modules().items()
        if name.startswith(tuple(f"{package}." for package in PURE_PACKAGES)) and path.name != "__init__.py"
    }


def imported_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every dotted name that a file imports, wherever in it, with the line; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def strings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every string of a file but docstrings, the fixed parts of f-strings too, with the line."""
    docstrings = {id(docstring) for node in ast.walk(tree) if (docstring := docstring_of(node))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def docstring_of(node: ast.AST) -> ast.Constant | None:
    """The constant that is the docstring of a module, class or function."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return None
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value
    return None
