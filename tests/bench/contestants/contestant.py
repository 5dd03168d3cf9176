"""What is compared: a value that says how one contestant is started and how connections reach its two upstreams."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.bench.ground.ground import Ground
from tests.bench.ground.program import Program
from tests.bench.load.scenarios import Target

PLAIN, TLS = "plain", "tls"
_ADMINISTRATORS_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin"


class NotInstalled(Exception):
    """A contestant's program is missing; the message names it and says how to install it."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One column of the comparison. Without a program it is the echo itself."""

    name: str
    port: int
    program: Program | None = None
    authorization: str = ""

    def target(self, upstream: str) -> Target:
        """Where the load connects, to be relayed to this upstream."""
        return Target(self.port, f"/v2/websocket/{upstream}", self.authorization)


class _ConfigTemplate(Template):
    """nginx has variables that begin with $, so ours begin with @."""

    delimiter = "@"


def written_config(name: str, ground: Ground, **values: object) -> Path:
    """Fill in the template ``name`` of this package and write it into the ground's folder."""
    template = _ConfigTemplate((Path(__file__).parent / name).read_text())
    path = ground.folder / name
    path.write_text(
        template.substitute(
            values,
            folder=ground.folder,
            plain_port=ground.plain_port,
            tls_port=ground.tls_port,
            authority=ground.certificates.authority,
        )
    )
    return path


def installed(program: str) -> str:
    """The path of an installed program.

    Raises:
        NotInstalled: there is none, neither on the PATH nor where administrators' programs are.
    """
    path = shutil.which(program) or shutil.which(program, path=_ADMINISTRATORS_PATH)
    if path is None:
        raise NotInstalled(f"{program} is not installed: apt-get install {program}, or your system's equivalent.")
    return path
