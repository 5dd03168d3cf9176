import pytest

from tests.controlplane.running_web import running_web

NO_DATABASE = "sqlite:////dev/null/none"  # what is refused at the door asks for none


@pytest.fixture(scope="module")
def web():
    """One web process for all tests of its doors."""
    with running_web(DATABASE_URL=NO_DATABASE) as web:
        yield web


@pytest.fixture
def web_with_few_files():
    """A web process that may open 64 files."""
    with running_web(64, DATABASE_URL=NO_DATABASE) as web:
        yield web
