import ast
import re
import subprocess
from urllib.parse import unquote

import pytest

from tests.architecture.sources import ROOT, files_of_tests, relative

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sdk").rglob("*.md")])
FENCE = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(home|Users|root|work|tmp|opt|mnt)/\w")


def _samples(*languages):
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, fence in enumerate(FENCE.finditer(text), 1):
            if fence["language"] in languages:
                yield pytest.param(fence["code"], id=f"{relative(page)}-{number}")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_page_begins_with_its_one_heading(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))

    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_page_links_only_to_what_is_there(page):
    targets = [unquote(link["target"]) for link in LINK.finditer(page.read_text(encoding="utf-8"))]
    local = [target.partition("#") for target in targets if not re.match(r"[a-z]+:", target)]

    assert [path for path, _, _ in local if path and not (page.parent / path).exists()] == []
    assert [
        anchor for path, _, anchor in local if anchor and anchor not in _anchors(page.parent / path if path else page)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_a_page_names_no_path_of_one_machine(page):
    text = page.read_text(encoding="utf-8")

    assert [match[0] for match in MACHINE_PATH.finditer(text)] == []


@pytest.mark.parametrize("code", list(_samples("python")))
def test_a_python_sample_compiles(code):
    compile(code, "sample", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("code", list(_samples("javascript", "js")))
def test_a_javascript_sample_compiles(code, tmp_path):
    sample = tmp_path / "sample.mjs"
    sample.write_text(code, encoding="utf-8")

    checked = subprocess.run(["node", "--check", sample], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def _anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_row_of_the_page_of_faults_is_proved_by_a_test_or_by_conformance():
    rows = re.findall(r"^\| ([BFLS]\d+) \|(.*)$", (ROOT / "docs/reference/faults.md").read_text(), re.MULTILINE)
    heads = re.findall(r"def test_((?:[bfls]\d+_)+)", "".join(path.read_text() for path in files_of_tests()))
    proved = {number for head in heads for number in head.upper().strip("_").split("_")}

    assert [number for number, row in rows if number not in proved and "conformance.md" not in row] == []
