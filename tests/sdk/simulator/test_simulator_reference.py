"""The reference page names every option, path, kind and field that there is."""

import re
from pathlib import Path
from typing import get_args

import pytest
from floodgate_simulator.command_line import option_parser
from floodgate_simulator.control import credentials, faults
from floodgate_simulator.faults.fault import Kind, Target
from floodgate_simulator.routes import all_routes

PAGE = (Path(__file__).parents[3] / "docs/reference/simulator.md").read_text()
OPTIONS = sorted(set(re.findall(r"--[a-z-]+", option_parser().format_help())) - {"--help"})
PATHS = sorted(
    {re.sub(r"\{(\w+):.*\}", r"<\1>", route.path).replace("{", "<").replace("}", ">") for route in all_routes()}
)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_described(name):
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith(("/genesys/", "/cxone/"))])
def test_every_path_is_described(path):
    assert path in PAGE


@pytest.mark.parametrize("name", sorted({*get_args(Kind), *get_args(Target), *faults.FIELDS}))
def test_every_word_of_a_fault_is_described(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", credentials.FIELDS)
def test_every_field_of_a_credential_is_described(name):
    assert f"`{name}`" in PAGE
