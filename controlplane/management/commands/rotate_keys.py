"""Encrypts every stored credential under the first of FLOODGATE_CREDENTIAL_KEYS."""

import sys

from django.core.management.base import BaseCommand

from tenants.actions.credential_keys import count_credentials, rotate_credentials

UNREADABLE, INTERRUPTED = 1, 130


class Command(BaseCommand):
    """manage.py rotate_keys."""

    help = (
        "Encrypt every stored platform credential under the first key of FLOODGATE_CREDENTIAL_KEYS, so that the others "
        "can be taken away. It can be interrupted and run again: what is done stays done."
    )

    def handle(self, **_options: object) -> None:
        """Rotate all; the exit status says whether the other keys can go."""
        total, done, seen = count_credentials(), 0, 0
        unreadable: list[str] = []
        try:
            for batch in rotate_credentials():
                done, seen = done + batch.encrypted_anew, seen + batch.looked_at
                unreadable += batch.unreadable
        except KeyboardInterrupt:
            self.stderr.write(f"Interrupted: {done} encrypted anew, {max(0, total - seen)} left. Run it again.")
            sys.exit(INTERRUPTED)
        already = seen - done - len(unreadable)
        self.stdout.write(f"{done} credentials encrypted anew; {already} were under the first key already; 0 left.")
        if not unreadable:
            self.stdout.write("The other keys of FLOODGATE_CREDENTIAL_KEYS are not needed any more.")
            return
        self.stderr.write(f"{len(unreadable)} can't be read with any key:")
        for name in unreadable:
            self.stderr.write(f"  {name}")
        self.stderr.write("Add the key that opens them and run it again, or enter these credentials anew.")
        sys.exit(UNREADABLE)
