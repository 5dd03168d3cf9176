import msgspec
import pytest
from cryptography.fernet import Fernet

from controlplane.generate_keys import new_credential_key
from tenants.encryption import (
    CredentialBoundElsewhere,
    CredentialSecret,
    CredentialUnreadable,
    CredentialUnusable,
    decrypt_credential,
    encrypt_anew,
    encrypt_credential,
    is_under_first_key,
)

CREDENTIAL = CredentialSecret(client_id="id", client_secret="canary", access_key_id="key", access_key_secret="canary2")

HOSTS = ("https://login.example/token", "wss://sockets.example/{channel}")


def test_a_credential_comes_back_as_it_went_in():
    assert decrypt_credential(encrypt_credential(CREDENTIAL, HOSTS), HOSTS) == CREDENTIAL


def test_no_secret_stands_in_what_is_stored():
    assert "canary" not in encrypt_credential(CREDENTIAL, HOSTS)


def test_no_secret_stands_in_what_python_prints():
    assert "canary" not in f"{CREDENTIAL!r} {CREDENTIAL}"


def test_a_new_first_key_still_opens_what_the_former_one_closed(settings):
    encrypted = encrypt_credential(CREDENTIAL, HOSTS)
    settings.CREDENTIAL_KEYS = (new_credential_key(), *settings.CREDENTIAL_KEYS)

    assert decrypt_credential(encrypted, HOSTS) == CREDENTIAL


def test_encrypted_anew_it_no_longer_needs_the_former_key(settings):
    former, latest = settings.CREDENTIAL_KEYS[0], new_credential_key()
    encrypted = encrypt_credential(CREDENTIAL, HOSTS)
    settings.CREDENTIAL_KEYS = (latest, former)

    assert not is_under_first_key(encrypted)
    anew = encrypt_anew(encrypted)
    assert is_under_first_key(anew)
    settings.CREDENTIAL_KEYS = (latest,)

    assert decrypt_credential(anew, HOSTS) == CREDENTIAL


@pytest.mark.parametrize("encrypted", ["nonsense", "gAAAAA" + "A" * 100])
def test_what_is_damaged_is_unreadable_and_says_what_to_do(encrypted):
    with pytest.raises(CredentialUnreadable, match="enter the credential anew"):
        decrypt_credential(encrypted, HOSTS)


def test_a_lost_key_makes_it_unreadable(settings):
    encrypted = encrypt_credential(CREDENTIAL, HOSTS)
    settings.CREDENTIAL_KEYS = (new_credential_key(),)

    with pytest.raises(CredentialUnreadable):
        decrypt_credential(encrypted, HOSTS)
    with pytest.raises(CredentialUnreadable):
        encrypt_anew(encrypted)


EVIL = (("https://evil.example", HOSTS[1]), (HOSTS[0], "wss://evil.example"), ("http://login.example", HOSTS[1]))


@pytest.mark.parametrize("leads_to", EVIL)
def test_b4_it_is_given_out_for_the_hosts_alone_that_it_was_entered_for(leads_to):
    with pytest.raises(CredentialBoundElsewhere, match=r"was entered for https://login\.example and"):
        decrypt_credential(encrypt_credential(CREDENTIAL, HOSTS), leads_to)


def test_b4_one_from_before_hosts_were_kept_goes_nowhere(settings):
    former = Fernet(settings.CREDENTIAL_KEYS[0]).encrypt(msgspec.json.encode(CREDENTIAL)).decode()

    with pytest.raises(CredentialBoundElsewhere, match="was entered for no host"):
        decrypt_credential(former, HOSTS)


def test_b4_encrypted_anew_it_stays_bound(settings):
    encrypted = encrypt_anew(encrypt_credential(CREDENTIAL, HOSTS))

    with pytest.raises(CredentialBoundElsewhere):
        decrypt_credential(encrypted, ("https://evil.example", HOSTS[1]))


@pytest.mark.parametrize("leads_to", [("", HOSTS[1]), (HOSTS[0], "wss://{tenant}.example/{channel}")])
def test_b4_where_an_address_is_none_it_goes_nowhere(leads_to):
    with pytest.raises(CredentialUnusable, match="leads to no address"):
        decrypt_credential(encrypt_credential(CREDENTIAL, HOSTS), leads_to)


def test_none_is_told():
    with pytest.raises(CredentialUnusable, match="has no credential"):
        decrypt_credential("", HOSTS)
