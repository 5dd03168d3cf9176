from tenants.client_secrets import ALPHABET, PREFIX, RANDOM_LETTERS, checksum, new_client_secret


def is_well_formed(secret):
    """What a scanner of secrets, or somebody who mistyped one, can tell without asking us."""
    random_part = secret.removeprefix(PREFIX)[:RANDOM_LETTERS]
    return secret == f"{PREFIX}{random_part}{checksum(random_part)}" and len(random_part) == RANDOM_LETTERS


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


def test_a_checksum_has_six_letters_of_the_alphabet_whatever_it_sums_up():
    assert all(len(checksum(text)) == 6 and set(checksum(text)) <= set(ALPHABET) for text in ("", "a", "a" * 43))
