from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from tenants.hashers import GeneratedSecretHasher

HASHER = GeneratedSecretHasher.algorithm


def test_a_secret_is_recognised_by_its_hash():
    assert check_password("secret", make_password("secret", hasher=HASHER), preferred=HASHER)


def test_another_secret_is_not():
    assert not check_password("Secret", make_password("secret", hasher=HASHER), preferred=HASHER)


def test_the_same_secret_never_hashes_alike():
    assert make_password("secret", hasher=HASHER) != make_password("secret", hasher=HASHER)


def test_peoples_passwords_are_hashed_by_another():
    assert identify_hasher(make_password("correct horse battery")).algorithm == "pbkdf2_sha256"


def test_a_stored_hash_shows_nothing_but_its_algorithm():
    assert identify_hasher(make_password("secret", hasher=HASHER)).safe_summary("generated_sha256$salt$digest") == {
        "algorithm": HASHER
    }
