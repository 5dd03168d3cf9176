import pytest

from relay.platforms.pem import pem_blocks

ONE = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----"
OTHER = "-----BEGIN PUBLIC KEY-----\nTUlK\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize("around", ["", "\ufeff", "Zertifikat für Köln\r\n", "Bag Attributes\n    friendlyName: a\n"])
def test_what_stands_around_blocks_is_left_out(around):
    assert pem_blocks(f"{around}{ONE}\n{around}{OTHER}{around}") == (ONE, OTHER)


@pytest.mark.parametrize(
    "text",
    ["", "canary", ONE[:-3], ONE[4:], f"{ONE}\n{OTHER[:40]}", ONE.replace("END CERTIFICATE", "END PUBLIC KEY")],
)
def test_what_is_not_whole_is_refused(text):
    with pytest.raises(ValueError, match="block"):
        pem_blocks(text)
