"""Reads the process's environment and remembers every fault, so that all are told at once. Never tells a value."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from relay.platforms.addresses import LARGEST_PORT, canonical_host
from relay.platforms.pem import pem_blocks
from relay.protocol.origins import origin_of
from relay.protocol.passing import header_name

Value = TypeVar("Value")

Networks = tuple[IPv4Network | IPv6Network, ...]
Names = tuple[str, ...]
Ports = tuple[int, ...]

WHOLE_NUMBER = re.compile("-?[0-9]{1,18}")
TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off", "")
LEAST_RSA_BITS = 2048
# ASGI's threads come and go with their requests, so connections are kept in a pool, as Django advises.
POSTGRESQL_OPTIONS = {"pool": {"min_size": 1, "max_size": 8, "timeout": 5}}
# Writers wait for one another for 5 s; a power cut may lose the last commits, never damage the file.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 5,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}
DATABASE_OPTIONS: dict[str, dict[str, object]] = {
    "postgres": {**POSTGRESQL_OPTIONS},
    "postgresql": {**POSTGRESQL_OPTIONS},
    "sqlite": {**SQLITE_OPTIONS},
}


class Environment:
    """Variables of one process, each by NAME or as a file by NAME_FILE.

    A reader never raises: it notes the fault and answers with the default, so that ``refuse_faults``
    can list all of them in one message.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Read from ``variables``, usually ``os.environ``."""
        self._variables = variables
        self._faults: list[str] = []

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        """The variable as it stands, without blanks around it. Empty counts as not set."""
        value = self._content(name).strip()
        if not value and required:
            self._faults.append(f"{name} is not set. Set it, or {name}_FILE to a file that holds it.")
        return value or default

    def parsed(self, name: str, parse: Callable[[str], Value], default: Value, *, required: bool = False) -> Value:
        """The variable as ``parse`` understands it; ``parse`` refuses by a ValueError that names what is allowed."""
        value = self.text(name, required=required)
        if not value:
            return default
        try:
            return parse(value)
        except ValueError as refusal:
            self._faults.append(f"{name} is not usable: {refusal}")
            return default

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number between ``least`` and ``most``."""

        def parse(value: str) -> int:
            if not WHOLE_NUMBER.fullmatch(value) or not least <= int(value) <= most:
                raise ValueError(f"it must be a whole number from {least:,} to {most:,}.")
            return int(value)

        return self.parsed(name, parse, default)

    def switch(self, name: str) -> bool:
        """On or off; off by default."""
        return self.parsed(name, parse_switch, default=False)

    def names(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Names separated by commas."""
        return self.parsed(name, parse_names, default)

    def fault(self, sentence: str) -> None:
        """Note a fault that lies between several variables."""
        self._faults.append(sentence)

    def refuse_faults(self) -> None:
        """Stop the start if anything was wrong.

        Raises:
            ImproperlyConfigured: one line for each fault, with the variable's name and how to mend it.
        """
        if self._faults:
            raise ImproperlyConfigured("The environment is not usable.\n- " + "\n- ".join(self._faults))

    def _content(self, name: str) -> str:
        path = self._variables.get(f"{name}_FILE", "")
        if not path:
            return self._variables.get(name, "")
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            self._faults.append(f"{name}_FILE names a file that can't be read as text. Check its path and its rights.")
            return ""


def parse_switch(value: str) -> bool:
    """Understand the usual words for on and off."""
    word = value.lower()
    if word not in (*TRUE_WORDS, *FALSE_WORDS):
        raise ValueError("it must be true or false.")
    return word in TRUE_WORDS


def parse_names(value: str) -> Names:
    """Split at commas; blanks around a name do not count."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


def parse_url(*schemes: str) -> Callable[[str], str]:
    """Understand an absolute URL of one of ``schemes``, and give it back without a slash at its end."""

    def parse(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
            raise ValueError(f"it must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
        return value.rstrip("/")

    return parse


def parse_redis(value: str) -> str:
    """Understand the URL of one Redis or of a Redis Cluster, and give it back without a slash at its end."""
    url = parse_url("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")(value)
    parts = urlsplit(url)
    if parts.scheme.endswith("+cluster") and parts.path not in ("", "/0"):
        raise ValueError("a cluster has no databases: leave out what follows its hosts.")
    return url


def parse_database(value: str) -> dict[str, object]:
    """Understand a database URL as one of Django's DATABASES, with what each engine needs; the URL's query wins."""
    options = DATABASE_OPTIONS.get(urlsplit(value).scheme)
    if options is None:
        raise ValueError("it must be a URL that begins with postgresql:// or sqlite:///.")
    database = Env.db_url_config(value)
    chosen = database.get("OPTIONS")
    return {**database, "OPTIONS": {**options, **(chosen if isinstance(chosen, dict) else {})}}


def parse_list(parse_one: Callable[[str], Value], sentence: str) -> Callable[[str], tuple[Value, ...]]:
    """Understand one or more, separated by commas, each by ``parse_one``; ``sentence`` says what each must be."""

    def parse(value: str) -> tuple[Value, ...]:
        names = parse_names(value)
        try:
            parsed = tuple(parse_one(name) for name in names)
        except ValueError as refusal:
            raise ValueError(sentence) from refusal
        if not parsed:
            raise ValueError(sentence)
        return parsed

    return parse


def parse_port(value: str) -> int:
    """Understand a port."""
    if not WHOLE_NUMBER.fullmatch(value) or not 1 <= int(value) <= LARGEST_PORT:
        raise ValueError
    return int(value)


def parse_credential_key(value: str) -> str:
    """Understand a Fernet key."""
    Fernet(value)
    return value


def parse_origin(value: str) -> str:
    """Understand the origin of a web page; a slash at its end does not count. No page has one of a WebSocket."""
    origin = origin_of(value.removesuffix("/"))
    if origin is None or origin.startswith(("ws://", "wss://")):
        raise ValueError
    return origin


def parse_host_pattern(value: str) -> str:
    """Understand the name of a host, as Django's ALLOWED_HOSTS has it: * is every one, .name also those below it."""
    if value == "*":
        return value
    host = canonical_host(value.removeprefix("."))
    return f"[{host}]" if ":" in host else value[: value.startswith(".")] + host


parse_origins = parse_list(
    parse_origin, "each must be an origin such as https://pages.example, without path or *, separated by commas."
)
parse_host_patterns = parse_list(
    parse_host_pattern, "each must be the name of a host, without scheme, port or path, separated by commas."
)
parse_header_names = parse_list(
    header_name, "each must be the name of a header that may go on to a platform, separated by commas."
)
parse_networks = parse_list(
    ip_network, "each must be an IP address or a network such as 10.0.0.0/8, separated by commas."
)
parse_ports = parse_list(parse_port, f"each must be a port, from 1 to {LARGEST_PORT}, separated by commas.")
parse_hosts = parse_list(  # each in its one spelling
    canonical_host, "each must be the name of a host or an IP address, without port or *, separated by commas."
)
parse_credential_keys = parse_list(
    parse_credential_key,
    "each key must be 32 random bytes in URL-safe base64, separated by commas. "
    "`python -m controlplane.generate_keys` makes one.",
)


def parse_signing_key(value: str) -> str:
    """Understand an RSA private key in PEM, of at least 2048 bits, whatever stands around it."""
    try:
        [pem] = pem_blocks(_with_line_breaks(value))
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as refusal:
        raise ValueError("it must be an RSA private key in PEM, without a password.") from refusal
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_RSA_BITS:
        raise ValueError(f"it must be an RSA key of at least {LEAST_RSA_BITS} bits.")
    return pem + "\n"


def parse_verification_keys(value: str) -> Names:
    """Understand one or more RSA public keys in PEM, one after the other, of at least 2048 bits each."""
    try:
        blocks = pem_blocks(_with_line_breaks(value))
    except ValueError as refusal:
        raise ValueError("it must be RSA public keys in PEM, one after the other, each whole.") from refusal
    return tuple(_verification_key(block) for block in blocks)


def _verification_key(pem: str) -> str:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as refusal:
        raise ValueError("it must be RSA public keys in PEM, one after the other.") from refusal
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_RSA_BITS:
        raise ValueError(f"each must be an RSA key of at least {LEAST_RSA_BITS} bits.")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_keys(signing_key: str, others: Names) -> Names:
    """All public keys that verify tokens, in PEM, each once: that of the signing key, if there is one, and others."""
    own = (public_key_of(signing_key),) if signing_key else ()
    return tuple(dict.fromkeys((*own, *others)))


def public_key_of(signing_key: str) -> str:
    """The public half of an RSA private key, both in PEM."""
    key = load_pem_private_key(signing_key.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _with_line_breaks(pem: str) -> str:
    """A PEM in an environment variable often comes on one line, with its breaks written as backslash and n."""
    return pem.replace("\\n", "\n").strip() + "\n"
