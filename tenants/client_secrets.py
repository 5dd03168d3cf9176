"""Secrets of OAuth clients: 256 random bits that scanners recognise by prefix and checksum."""

import secrets
from zlib import crc32

PREFIX = "fgs_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LETTERS = 43  # 43 of 62 letters hold 256 bits
CHECKSUM_LETTERS = 6


def new_client_secret() -> str:
    """A secret that nobody has seen: ``fgs_``, 43 random letters, and 6 that tell a mistyped one without a lookup."""
    random_part = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LETTERS))
    return f"{PREFIX}{random_part}{checksum(random_part)}"


def checksum(random_part: str) -> str:
    """CRC-32 in six letters of the alphabet, as GitHub does for its tokens."""
    number = crc32(random_part.encode())
    letters = ""
    for _ in range(CHECKSUM_LETTERS):
        number, remainder = divmod(number, len(ALPHABET))
        letters = ALPHABET[remainder] + letters
    return letters
