"""Starts everything on this machine and shows it: what `make demo` runs."""

import asyncio
import fcntl
import logging
import os
import sys
from pathlib import Path
from typing import TextIO

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console

from controlplane.demonstration.environment import Demonstration, add_options, wanted_workers, wants_traffic
from controlplane.demonstration.supervisor import CANNOT_START, run

TAKEN = (
    "A demo runs with the folder {directory} already. End that one, or give this one a folder and ports of its own:"
    " --directory, --web-port, --relay-port, --operations-port, --simulator-port."
)


class Command(BaseCommand):
    """manage.py demo. The variables that it runs with are set by manage.py, before the settings are read."""

    requires_system_checks = ()  # a second's work that other commands do
    help = (
        "Run Floodgate with simulated platforms and integrations on this machine. TRAFFIC=0 starts it quiet, "
        "DEMO_WORKERS=4 with four relay processes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Ports and folder."""
        add_options(parser)

    def handle(self, **options: object) -> None:
        """Run until a signal comes; exit with 1 if a program failed, with 2 if something is missing."""
        try:
            has_traffic = wants_traffic(os.environ)
            demonstration = Demonstration.from_options(options, wanted_workers(os.environ))
        except ValueError as refusal:
            self.stderr.write(str(refusal))
            sys.exit(CANNOT_START)
        try:
            held = _hold(demonstration.directory)
        except BlockingIOError:
            self.stderr.write(TAKEN.format(directory=demonstration.directory))
            sys.exit(CANNOT_START)
        logs = demonstration.log_file("demo")
        logs.parent.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=logs, filemode="w", level=logging.INFO, force=True)  # the terminal shows the table
        with held:
            sys.exit(asyncio.run(run(demonstration, Console(), has_traffic=has_traffic)))


def _hold(directory: Path) -> TextIO:
    """Keep a folder for one demo, until the file that is given back is closed or this process ends.

    Raises:
        BlockingIOError: another demo has it.
    """
    file = (directory / "lock").open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    return file
