"""Surfaces that people and programs use read through tenants/access.py and write through tenants/actions/.

The admin alone may read models itself: AdministratorSite lets in nobody but administrators, who see all rows, so there
is nobody on whose behalf less would have to be shown. tests/controlplane/test_admin_site.py tries every list of it.
"""

import ast

import pytest

from tests.architecture.sources import ROOT, source_files

ADMIN = ("tenants/admin/", "relay/admin/", "controlplane/admin")  # behind AdministratorSite
VIEWS = ("controlplane/api/", "controlplane/portal/")
WRITES = {"save", "asave", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
WRITES_OF_QUERYSETS = {"create", "update", "delete"}


def _below(folders):
    names = [str(path.relative_to(ROOT)) for path in source_files()]
    return [name for name in names if name.startswith(folders)]


def _asks_model(node):
    """Tell whether an expression goes through a model's ``objects``."""
    return any(isinstance(part, ast.Attribute) and part.attr == "objects" for part in ast.walk(node))


def writes(source):
    """The lines at which a source writes to the database round the actions."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [(call, call.func) for call in calls if isinstance(call.func, ast.Attribute)]
    return [
        call.lineno
        for call, called in named
        if called.attr in WRITES or (called.attr in WRITES_OF_QUERYSETS and _asks_model(called.value))
    ]


@pytest.mark.parametrize("name", _below((*ADMIN, *VIEWS)))
def test_pages_write_by_actions_alone(name):
    assert writes((ROOT / name).read_text()) == []


@pytest.mark.parametrize("name", _below(VIEWS) or ["controlplane/urls.py"])
def test_views_ask_no_model_on_somebodys_behalf(name):
    assert not _asks_model(ast.parse((ROOT / name).read_text()))


@pytest.mark.parametrize(
    "source",
    ["row.save()", "Tenant.objects.create(name='x')", "Tenant.objects.filter(a=1).delete()", "T.objects.update(a=1)"],
)
def test_what_goes_round_the_actions_is_found(source):
    assert writes(source) == [1]


@pytest.mark.parametrize("source", ["delete_channel(row)", "vars(row).update(values)", "Tenant.objects.visible_to(me)"])
def test_what_does_not_is_left_alone(source):
    assert writes(source) == []
