import io

import pytest
from django.core.management import call_command

from controlplane.generate_keys import new_credential_key
from tests.tenants.factories import PlatformConnectionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(acme):
    """A credential under the key of before."""
    return PlatformConnectionFactory.create(tenant=acme, name="Genesys")


def rotate():
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("rotate_keys", stdout=out, stderr=err)
    except SystemExit as exited:
        status = exited.code
    return status, out.getvalue(), err.getvalue()


@pytest.mark.usefixtures("stored")
def test_it_says_how_many_it_did_and_that_the_other_keys_can_go(settings):
    settings.CREDENTIAL_KEYS = (new_credential_key(), *settings.CREDENTIAL_KEYS)

    first, second = rotate(), rotate()

    assert first[0] == 0
    assert first[1].splitlines() == [
        "1 credentials encrypted anew; 0 were under the first key already; 0 left.",
        "The other keys of FLOODGATE_CREDENTIAL_KEYS are not needed any more.",
    ]
    assert second[1].startswith("0 credentials encrypted anew; 1 were under the first key already")


@pytest.mark.usefixtures("stored")
def test_what_no_key_opens_is_named_and_ends_it_with_1(settings):
    settings.CREDENTIAL_KEYS = (new_credential_key(),)

    status, _, complaint = rotate()

    assert status == 1
    assert complaint.startswith("1 can't be read with any key:\n  Acme: Genesys, Main\n")
