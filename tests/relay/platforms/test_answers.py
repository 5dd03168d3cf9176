import pytest

from relay.platforms.answers import CredentialIncomplete, PlatformToken, Refusal, TokenRequest, refusal_of, required


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (401, Refusal.CREDENTIAL),
        (403, Refusal.CREDENTIAL),
        (429, Refusal.THROTTLED),
        (502, Refusal.UNAVAILABLE),
        (503, Refusal.UNAVAILABLE),
        (504, Refusal.UNAVAILABLE),
        (400, Refusal.OTHER),
        (404, Refusal.OTHER),
        (500, Refusal.OTHER),
        (200, Refusal.OTHER),
    ],
)
def test_a_status_tells_what_a_refusal_means_to_us(status, refusal):
    assert refusal_of(status) is refusal


def test_a_part_of_a_credential_is_found_by_its_name():
    assert required({"client_id": "acme"}, "client_id") == "acme"


@pytest.mark.parametrize("credential", [{}, {"client_secret": ""}])
def test_a_part_that_is_missing_or_empty_is_named(credential):
    with pytest.raises(CredentialIncomplete, match="lacks client_secret"):
        required(credential, "client_secret")


def test_neither_a_request_nor_a_token_shows_its_secret_in_a_log():
    request = TokenRequest("https://login.example/token", {"password": "s3cret"}, {"Authorization": "s3cret"})

    assert "s3cret" not in f"{request} {PlatformToken('s3cret', 600.0)}"
