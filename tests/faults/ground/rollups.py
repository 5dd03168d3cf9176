"""A worker with a SQLite database of its own, whose disk can be full; and what is rolled up there."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.relay.beats import Worker

PROGRAM = str(ROOT / "tests/faults/ground/broken.py")
SUM = "SELECT coalesce(sum(messages), 0) FROM relay_trafficrollup WHERE granularity = 'minute' AND direction = ?"


class RollUps:
    """Rolls up when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]", database: Path) -> None:
        """Wait until it is ready."""
        self._worker, self._process_id, self._database = Worker(process), process.pid, database

    def roll_up(self) -> None:
        """Once, to the end, whether that succeeds or not."""
        self._worker.beat()
        self._worker.wait_until_done()

    def fill_disk(self) -> None:
        """Let it write nothing more to any file."""
        resource.prlimit(self._process_id, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        """Let it write again."""
        resource.prlimit(self._process_id, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def messages(self, direction: str = "to_platform") -> int:
        """How many are rolled up by now."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(SUM, [direction]).fetchone()[0])


@contextmanager
def running_rollups(folder: Path, environment: Mapping[str, str], broken: str = "") -> Iterator[RollUps]:
    """A worker on a new database in ``folder``, as long as the block runs."""
    database = folder / "rollups.sqlite3"
    own = {"DATABASE_URL": f"sqlite:///{database}", "BROKEN_DEFENCES": broken, "FLOODGATE_LOG_LEVEL": "ERROR"}
    variables = {**os.environ, **environment, **own, "PYTHONPATH": str(ROOT)}
    migrate = (sys.executable, "manage.py", "migrate", "--verbosity", "0")
    subprocess.run(migrate, cwd=ROOT, env=variables, check=True, stdout=subprocess.DEVNULL)
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        (sys.executable, PROGRAM, "worker"), cwd=ROOT, env=variables, stdin=pipe, stdout=pipe, text=True
    )
    try:
        yield RollUps(process, database)
    finally:
        process.kill()
        process.communicate()
