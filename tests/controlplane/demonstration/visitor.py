"""Somebody who copies samples out of the pages and runs them against a demo. Knows nothing of what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import playwright

from tests.controlplane.demonstration.started import StartedDemo

# The package ws as Playwright, which the browser tests need, brings it along: so no npm and no network is needed.
WS = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "utilsBundle.js"
WEB, RELAY = "http://127.0.0.1:8000", "ws://127.0.0.1:8001"
PROGRAMS = {"python": (sys.executable, "sample.py"), "javascript": ("node", "sample.mjs")}
PATIENCE_SECONDS = 30


class Visitor:
    """The owner of one client, with a folder for programs."""

    def __init__(self, demo: StartedDemo, folder: Path) -> None:
        """Nothing is asked of the demo yet."""
        self._web = f"http://127.0.0.1:{demo.ports['web']}"
        self._relay = f"ws://127.0.0.1:{demo.ports['relay']}"
        self._folder = folder
        client = demo.credentials["clients"][0]
        self.variables = {
            "CLIENT_ID": client["client_id"],
            "CLIENT_SECRET": client["client_secret"],
            "TOKEN_URL": f"{self._web}/oauth/token",
            "SOCKET_URL": f"{self._relay}{client['path']}",
            "NO_PROXY": "*",
        }

    def log_in(self, script: str) -> None:
        """Get a token as a page says, and keep it in the variable that pages call it."""
        self.variables["TOKEN"] = json.loads(self.told_by(script))["access_token"]

    def introspected(self) -> dict[str, Any]:
        """What web says of the token."""
        login = '--user "$CLIENT_ID:$CLIENT_SECRET"'
        said: dict[str, Any] = json.loads(
            self.told_by(f'curl {login} --data-urlencode "token=$TOKEN" {WEB}/oauth/introspect')
        )
        return said

    def told_by(self, script: str) -> str:
        """What a script of the shell prints; it must succeed."""
        return self._run(["sh", "-ec", self._here(script)], check=True).stdout

    def outcome_of(self, words: str, code: str) -> "subprocess.CompletedProcess[str]":
        """What a program says until it ends by itself."""
        return self._run(self._written(words, code))

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    def _run(self, command: list[str], *, check: bool = False) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=PATIENCE_SECONDS,
        )

    def written_as_told(self, words: str, code: str) -> str:
        """Save a program; gives the line of the shell that runs it."""
        return " ".join(self._written(words, code))

    def _written(self, words: str, code: str) -> list[str]:
        program, name = PROGRAMS[words.partition(" ")[0]]
        self.written(name, code)
        return [program, name]

    def written(self, name: str, code: str) -> None:
        """Save a program, beside the package that npm would install."""
        (self._folder / name).write_text(self._here(code))
        package = self._folder / "node_modules" / "ws"
        package.mkdir(parents=True, exist_ok=True)
        (package / "index.js").write_text(f"module.exports = require({json.dumps(str(WS))}).ws;")

    def _here(self, code: str) -> str:
        """The pages' addresses are those of a demo on its usual ports."""
        return code.replace(WEB, self._web).replace(RELAY, self._relay)
