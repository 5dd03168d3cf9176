"""Floodgate's relay as people run it, with five zones on each message and a client that shows a token."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from controlplane.generate_keys import new_credential_key, new_secret_key, new_signing_key
from tests.bench.contestants.contestant import Contestant
from tests.bench.contestants.platform import Platform
from tests.bench.ground.ground import Ground
from tests.bench.ground.program import REPOSITORY, Program, ProgramFailed, free_port

_PREPARE_TIMEOUT_SECONDS = 60
_ERROR_SHOWN = 2000  # characters
_NO_LIMIT = "1000000"


class Prepared(msgspec.Struct, frozen=True):
    """What the relay is started with, and the token that its client shows. Made once for all rounds."""

    environment: dict[str, str]
    token: str


def ours(ground: Ground) -> Contestant:
    """Run the relay on a new port, with the database and the token of the first round."""
    prepared, port = _prepared(ground), free_port()
    command = (sys.executable, "manage.py", "relay", "--host", "127.0.0.1", "--port", str(port))
    program = Program("ours", command, port, ground.folder, prepared.environment)
    return Contestant("ours", port, program, f"Bearer {prepared.token}")


def _prepared(ground: Ground) -> Prepared:
    kept = ground.folder / "ours.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=Prepared)
    environment = _environment(ground.folder / "ours.sqlite3", ground.redis_url)
    prepared = Prepared(environment, _run_prepare(ground, environment))
    kept.write_bytes(msgspec.json.encode(prepared))
    return prepared


def _environment(database: Path, redis_url: str) -> dict[str, str]:
    return {
        "SECRET_KEY": new_secret_key(),
        "FLOODGATE_CREDENTIAL_KEYS": new_credential_key(),
        "FLOODGATE_SIGNING_KEY": new_signing_key(),
        "DATABASE_URL": f"sqlite:///{database}",
        "REDIS_URL": redis_url,
        "FLOODGATE_PRIVATE_PLATFORM_HOSTS": "127.0.0.1",
        "FLOODGATE_OPERATIONS_PORT": "0",  # several may run at once
        # All clients of the load come from one address; the client's own handshake zone is on.
        "FLOODGATE_ADDRESS_HANDSHAKE_PERMITS": _NO_LIMIT,
        "FLOODGATE_ADDRESS_HANDSHAKE_BURST": _NO_LIMIT,
    }


def _run_prepare(ground: Ground, environment: dict[str, str]) -> str:
    """Fill the database in a process of its own, since Django reads its settings from that environment.

    Returns:
        The client's token.

    Raises:
        ProgramFailed: with what the process said.
    """
    platform = Platform(
        plain_port=ground.plain_port,
        tls_port=ground.tls_port,
        token_port=ground.platform_port,
        authority=ground.certificates.authority.read_text(),
    )
    code = f"from tests.bench.contestants.prepare import prepare; prepare({msgspec.json.encode(platform)!r})"
    done = subprocess.run(
        (sys.executable, "manage.py", "shell", "--no-imports", "--command", code),
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_PREPARE_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ProgramFailed(f"Floodgate's database could not be prepared.\n{done.stderr[-_ERROR_SHOWN:]}")
    return done.stdout.strip()
