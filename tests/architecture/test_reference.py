import ast
import re

import pytest

from relay.throttle.policy import SECOND_NS, default_zones
from tests.architecture.sources import PACKAGES, ROOT, modules, parsed

REFERENCE = ROOT / "docs" / "reference"
SETTINGS = "controlplane.settings"
SUFFIXES = {"CounterMetricFamily": "_total", "InfoMetricFamily": "_info"}  # which prometheus-client adds by itself
CODED = ("Denial", "bad_request", "close_reason", "forbidden", "platform_refused", "unavailable")
CODE = re.compile(r"[a-z]+(_[a-z]+)*")


def _page(name):
    return (REFERENCE / name).read_text(encoding="utf-8")


def _calls(module):
    return [node for node in ast.walk(parsed(modules()[module])) if isinstance(node, ast.Call)]


def _texts(call):
    return [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def _variables():
    """What settings.py reads of the environment: env.text("NAME", ...) and its like."""
    for call in _calls(SETTINGS):
        if ast.unparse(call.func).startswith("env.") and _texts(call)[:1] and _texts(call)[0].isupper():
            yield _texts(call)[0]


def _options():
    for module in modules():
        for call in _calls(module):
            if ast.unparse(call.func).endswith("add_argument") and module.startswith("controlplane."):
                yield _texts(call)[0]


def _whole_numbers():
    for call in _calls(SETTINGS):
        if ast.unparse(call.func) == "env.integer":
            yield _texts(call)[0], _product(call.args[1])


def _product(node):
    """The value of a constant, or of a product such as 64 * KIB."""
    if isinstance(node, ast.BinOp):
        return _product(node.left) * _product(node.right)
    return 1024 if ast.unparse(node) == "KIB" else ast.literal_eval(node)


def _fixed_limits():
    section = _page("limits.md").partition("\n## Fixed\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([A-Z_]+)` \| ([\d,.]+) \|", section, re.MULTILINE)


def _constants(wanted):
    """Every value that a module gives to the name."""
    for path in modules().values():
        for node in parsed(path).body:
            if isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
                pairs = (
                    zip(target.elts, value.elts, strict=True) if isinstance(target, ast.Tuple) else [(target, value)]
                )
                yield from (_product(given) for name, given in pairs if ast.unparse(name) == wanted)


def _variables_read_elsewhere():
    readers = ("os.environ.get", "os.getenv", "environ.get", "getenv")
    for module, path in modules().items():
        for node in ast.walk(parsed(path)):
            if not module.startswith(PACKAGES):
                continue
            if isinstance(node, ast.Call) and ast.unparse(node.func) in readers and _texts(node):
                yield _texts(node)[0]
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
                yield ast.literal_eval(node.slice)


def _close_codes():
    enumeration = next(
        node for node in parsed(modules()["relay.protocol.close_codes"]).body if isinstance(node, ast.ClassDef)
    )
    for statement in enumeration.body:
        if isinstance(statement, ast.Assign):
            yield f"`{ast.literal_eval(statement.value)}`"


def _words():
    """The codes of problem documents and the first words of close reasons, wherever they are made."""
    for module in _relay_modules():
        for call in _calls(module):
            if ast.unparse(call.func).rpartition(".")[2] in CODED:
                yield from (f"`{text}`" for text in _texts(call)[:1] if CODE.fullmatch(text))


def _metrics():
    for module in _relay_modules():
        for call in _calls(module):
            for text in _texts(call)[:1]:
                if text.startswith("floodgate_"):
                    yield f"`{text}{SUFFIXES.get(ast.unparse(call.func), '')}`"


def _relay_modules():
    return [module for module in modules() if module.startswith("relay.")]


def _commands():
    return sorted((ROOT / "controlplane" / "management" / "commands").glob("[a-z]*.py"))


def _queries():
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for quoted, block in re.findall(r"```promql\n(.+?)\n```|`([^`\n]+)`", page.read_text(encoding="utf-8")):
            if re.search(r"\bfloodgate_\w+[\[{)]", quoted + block):
                yield quoted + block


@pytest.mark.parametrize("variable", sorted({*_variables(), *_variables_read_elsewhere()}))
def test_every_setting_is_explained(variable):
    assert f"| `{variable}` |" in _page("settings.md"), "a row: name, default, unit, reason"


@pytest.mark.parametrize(("variable", "default"), sorted(_whole_numbers()))
def test_a_default_is_told_as_it_is(variable, default):
    assert f"| `{variable}` | {default:,} |" in _page("settings.md")


def test_no_setting_is_explained_that_is_not_there():
    explained = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", _page("settings.md"), re.MULTILINE))

    assert explained <= {*_variables(), *_variables_read_elsewhere()}


@pytest.mark.parametrize("zone", default_zones(), ids=lambda zone: zone.name)
def test_every_default_limit_is_explained(zone):
    rate = f"{zone.permits} a second" if zone.burst else str(zone.permits)

    assert zone.period_ns == SECOND_NS
    assert f"| `{zone.name}` | {rate} | {zone.burst} | {zone.delay} |" in _page("limits.md")


@pytest.mark.parametrize(("name", "value"), _fixed_limits())
def test_a_fixed_limit_is_told_as_it_is(name, value):
    assert float(value.replace(",", "")) in _constants(name)


@pytest.mark.parametrize("code", sorted({*_close_codes(), *_words()}))
def test_every_code_is_explained(code):
    assert f"| {code} |" in _page("codes.md"), "a row: code, meaning, cause, what to do"


@pytest.mark.parametrize("metric", sorted(set(_metrics())))
def test_every_metric_is_explained(metric):
    assert f"| {metric} |" in _page("metrics.md"), "a row: name, kind, labels, meaning"


def test_no_metric_is_explained_that_is_not_there():
    explained = set(re.findall(r"^\| (`floodgate_\w+`) \|", _page("metrics.md"), re.MULTILINE))

    assert explained <= set(_metrics())


@pytest.mark.parametrize("query", sorted(set(_queries())))
def test_every_query_of_a_page_asks_for_labels_that_its_metrics_have(query):
    rows = re.findall(r"^\| `(floodgate_\w+)` \| \w+ \| ([^|]*) \|", _page("metrics.md"), re.MULTILINE)
    there = {"le"}.union(*(labels.strip().split(", ") for name, labels in rows if re.search(rf"\b{name}", query)))
    groups = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", query)

    assert {*re.findall(r"(\w+)(?:=|!=|=~)\"", query), *", ".join(groups).split(", ")} - {""} <= there


@pytest.mark.parametrize("command", _commands(), ids=lambda path: path.stem)
def test_every_command_is_explained(command):
    assert f"\n## {command.stem}\n" in _page("commands.md"), "a section: what it does, its options, its exit status"


@pytest.mark.parametrize("option", sorted(set(_options())))
def test_every_option_is_explained(option):
    assert f"| `{option}` |" in _page("commands.md"), "a row under its command: option, default, meaning"
