import pytest

from tenants.client_secrets import ALPHABET, checksum, is_well_formed, new_client_secret


def test_a_new_secret_is_well_formed_and_53_characters_long():
    secret = new_client_secret()

    assert is_well_formed(secret)
    assert len(secret) == len("fgs_") + 43 + 6


def test_no_two_secrets_are_alike():
    assert len({new_client_secret() for _ in range(1000)}) == 1000


def test_a_mistyped_secret_is_told_without_a_lookup():
    secret = new_client_secret()
    for position in range(4, len(secret)):
        other = "a" if secret[position] != "a" else "b"
        assert not is_well_formed(secret[:position] + other + secret[position + 1 :])


@pytest.mark.parametrize("secret", ["", "fgs_", "fgs_" + checksum(""), "ghp_abc", "0" * 43 + checksum("0" * 43)])
def test_what_is_no_secret_of_ours_is_not_well_formed(secret):
    assert not is_well_formed(secret)


def test_a_checksum_has_six_letters_of_the_alphabet_whatever_it_sums_up():
    assert all(len(checksum(text)) == 6 and set(checksum(text)) <= set(ALPHABET) for text in ("", "a", "a" * 43))
