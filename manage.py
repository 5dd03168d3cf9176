#!/usr/bin/env python
"""Runs Django's and Floodgate's commands with the settings of controlplane/settings.py."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from controlplane.demonstration.environment import enter_demonstration

USAGE_FAULT = 2


def main() -> None:
    """Run a command; an unusable environment stops it at once with one message."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    if sys.argv[1:2] == ["demo"]:
        enter_demonstration(sys.argv[2:])  # it needs no environment: it brings its own, before the settings read it
    try:
        settings.DEBUG  # noqa: B018 - reading any setting loads the file
    except ImproperlyConfigured as fault:
        sys.stderr.write(f"{fault}\n")
        sys.exit(USAGE_FAULT)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
