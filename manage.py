#!/usr/bin/env python
"""Runs Django's and Floodgate's commands with the settings of controlplane/settings.py."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from controlplane.demonstration.environment import enter_demonstration

USAGE_FAULT = 2
HELP = {"help", "--help", "-h", "version", "--version"}


def main() -> None:
    """Run a command; an unusable environment stops it at once with one message."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    if sys.argv[1:2] == ["demo"]:
        enter_demonstration(sys.argv[2:])  # it needs no environment: it brings its own, before the settings read it
    elif needs_no_installation(sys.argv[1:]):
        os.environ.setdefault("FLOODGATE_DEMO", "1")
        os.environ.setdefault("DATABASE_URL", "sqlite:///:memory:")
    try:
        settings.DEBUG  # noqa: B018 - reading any setting loads the file
    except ImproperlyConfigured as fault:
        sys.stderr.write(f"{fault}\n")
        sys.exit(USAGE_FAULT)
    execute_from_command_line(sys.argv)


def needs_no_installation(arguments: list[str]) -> bool:
    """Tell whether a command only explains itself, or simulates where there is no database: that works everywhere."""
    if not arguments or HELP.intersection(arguments):
        return True
    return arguments[0] == "simulate" and not ({"DATABASE_URL", "DATABASE_URL_FILE"} & os.environ.keys())


if __name__ == "__main__":
    main()
