"""Makes .venv and installs into it what is locked. Knows nothing of what runs there.

Usage: python3 .ci/bootstrap.py requirements.txt [program ...]

The programs, such as chromium, are what tests need besides: as root on Debian they are installed, elsewhere asked for.
Runs on old Pythons too (from 3.7), so that they are refused by a sentence and not by a syntax error.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SOURCES = ("sdk/simulator/src",)  # packages of our own, used from where they lie: no network, no copy
CONTAINED = {"requirements-dev.txt": ("requirements.txt",)}  # what else is installed by installing it
DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "haproxy": "haproxy",
    "javac": "default-jdk-headless",
    "nginx": "nginx",
    "node": "nodejs",
}


def main(requirements: str, programs: list[str]) -> None:
    """Bring .venv to the state that ``requirements`` describes; costs next to nothing when it is there already."""
    refuse_other_pythons()
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at a time: the second waits and finds all done
        make_environment()
        install(requirements)
        for program in programs:
            provide(program)


def refuse_other_pythons() -> None:
    """Stop unless this Python can run Floodgate and make a virtual environment."""
    here = sys.version_info[:2]
    if not OLDEST <= here <= NEWEST:
        wanted = "Floodgate needs Python {}.{} to {}.{}".format(*OLDEST, *NEWEST)
        stop("{}, and this is {}.{}. Name another: make PYTHON=python3.13".format(wanted, *here))
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        stop("This Python comes without venv. On Debian or Ubuntu: apt-get install python3-venv")


def make_environment() -> None:
    """Make .venv, or make it anew when it is of another Python or broken."""
    version = "{}.{}".format(*sys.version_info[:2])
    packages = VENV / "lib" / f"python{version}" / "site-packages"
    if not (PYTHON.exists() and packages.is_dir() and has_pip()):
        say(f"Making .venv for Python {version}")
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "Making .venv failed. The lines above say why.")
    own = packages / "floodgate_sources.pth"
    paths = "".join(os.path.relpath(ROOT / source, packages) + "\n" for source in SOURCES)
    if not own.exists() or own.read_text() != paths:
        own.write_text(paths)


def has_pip() -> bool:
    """Whether pip works there: a first start that was interrupted may have left half of it."""
    if any(VENV.glob("*.installed")):
        return True
    return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def install(requirements: str) -> None:
    """Install a locked file, unless its stamp says that exactly this has been installed."""
    if is_installed(requirements):
        return
    say(f"Installing {requirements}")
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--no-compile"]
    failure = f"Installing {requirements} failed. The lines above say why; the network is needed this once."
    # No resolving: the lock is whole. Else a release newer than a lock stops pip 23, where one asks for its extra.
    run([*command, "--no-deps", "--require-hashes", "--requirement", str(ROOT / requirements)], failure)
    compile_packages()
    for name in (requirements, *CONTAINED.get(requirements, ())):
        stamp(name).write_text(digest(name))


def compile_packages() -> None:
    """Write bytecode on all cores, which pip does on one.

    Without it, each process that PYTHONDONTWRITEBYTECODE keeps from writing compiles all that it imports anew: a relay
    that takes the place of another was ready after 5 to 15 s instead of 2. Some packages hold templates that are no
    Python, which makes the status worthless.
    """
    packages = next((VENV / "lib").glob("python*/site-packages"))
    command = [str(PYTHON), "-m", "compileall", "-qq", "-j", "0", str(packages)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def is_installed(requirements: str) -> bool:
    """Whether the file has not changed since it was installed."""
    return stamp(requirements).exists() and stamp(requirements).read_text() == digest(requirements)


def stamp(requirements: str) -> Path:
    """Where the digest of an installed file is kept."""
    return VENV / f"{requirements}.installed"


def digest(requirements: str) -> str:
    """The file's digest."""
    return hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()


def provide(program: str) -> None:
    """See that a program is there; as root on Debian, install it."""
    if shutil.which(program):
        return
    package = DEBIAN_PACKAGES[program]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        stop(f"{program} is missing and needed here. On Debian or Ubuntu: apt-get install {package}")
    say(f"Installing {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    failure = f"Installing {package} failed. The lines above say why. Install it by hand and try again."
    run(["apt-get", "update", "-qq"], failure, environment)
    run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", package], failure, environment)


def run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Run a program whose output nobody parses; stop with ``failure`` when it fails."""
    if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode:
        stop(failure)


def say(sentence: str) -> None:
    """Tell what takes time."""
    print(f"{sentence} ...", file=sys.stderr, flush=True)


def stop(sentence: str) -> NoReturn:
    """End with one line that says what to do."""
    print(sentence, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except KeyboardInterrupt:
        stop("Interrupted. The next start goes on from here.")
    except OSError as error:
        stop(f"{error.filename or ROOT} can't be used: {error.strerror or error}. Mend that and start again.")
