import ast
import re

import pytest

from tests.architecture.sources import ROOT, modules, parsed

# What a limit is made of. The unit may differ with the layer: period_ns in pure code, period_seconds for people.
PARAMETERS = (
    "name",
    "permits",
    "burst",
    "delay",
    "scope",
    "counted",
    "direction",
    "beyond",
    "close_after_waiting_seconds",
    "strict",
)
LIMITS_PAGE = ROOT / "docs" / "reference" / "limits.md"


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_of_a_limit_has_one_name_everywhere(parameter):
    assert parameter in _fields("relay.throttle.policy", "ZonePolicy")
    assert parameter in _fields("tenants.models.zones", "ThrottleZone")
    assert re.search(rf"^#+ {parameter}$", LIMITS_PAGE.read_text(encoding="utf-8"), re.MULTILINE), "as a heading"


def test_a_limit_has_no_parameter_beside_these():
    assert _fields("relay.throttle.policy", "ZonePolicy") - {"period_ns"} == set(PARAMETERS)
    assert _fields("tenants.models.zones", "ThrottleZone") - {"period_seconds", "version", "objects"} == set(PARAMETERS)


def _fields(module, name):
    found = (node for node in parsed(modules()[module]).body if isinstance(node, ast.ClassDef) and node.name == name)
    targets = (
        statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        for statement in next(found).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
    )
    return {target.id for target in targets if isinstance(target, ast.Name)}
