import pytest

from controlplane.generate_keys import new_credential_key
from tenants.encryption import (
    CredentialUnreadable,
    PlatformCredential,
    decrypt_credential,
    encrypt_anew,
    encrypt_credential,
)

CREDENTIAL = PlatformCredential(
    client_id="id", client_secret="canary", access_key_id="key", access_key_secret="canary2"
)


def test_a_credential_comes_back_as_it_went_in():
    assert decrypt_credential(encrypt_credential(CREDENTIAL)) == CREDENTIAL


def test_no_secret_stands_in_what_is_stored():
    assert "canary" not in encrypt_credential(CREDENTIAL)


def test_no_secret_stands_in_what_python_prints():
    assert "canary" not in f"{CREDENTIAL!r} {CREDENTIAL}"


def test_a_new_first_key_still_opens_what_the_former_one_closed(settings):
    encrypted = encrypt_credential(CREDENTIAL)
    settings.CREDENTIAL_KEYS = (new_credential_key(), *settings.CREDENTIAL_KEYS)

    assert decrypt_credential(encrypted) == CREDENTIAL


def test_encrypted_anew_it_no_longer_needs_the_former_key(settings):
    former, latest = settings.CREDENTIAL_KEYS[0], new_credential_key()
    encrypted = encrypt_credential(CREDENTIAL)
    settings.CREDENTIAL_KEYS = (latest, former)

    anew = encrypt_anew(encrypted)
    settings.CREDENTIAL_KEYS = (latest,)

    assert decrypt_credential(anew) == CREDENTIAL


@pytest.mark.parametrize("encrypted", ["", "nonsense", "gAAAAA" + "A" * 100])
def test_what_is_damaged_is_unreadable_and_says_what_to_do(encrypted):
    with pytest.raises(CredentialUnreadable, match="enter the credential anew"):
        decrypt_credential(encrypted)


def test_a_lost_key_makes_it_unreadable(settings):
    encrypted = encrypt_credential(CREDENTIAL)
    settings.CREDENTIAL_KEYS = (new_credential_key(),)

    with pytest.raises(CredentialUnreadable):
        decrypt_credential(encrypted)
    with pytest.raises(CredentialUnreadable):
        encrypt_anew(encrypted)
