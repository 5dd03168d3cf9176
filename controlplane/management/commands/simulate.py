"""Tries policies on recorded traffic, in virtual time, with the code that enforces them."""

import sys
import time
from collections.abc import Sequence
from json import dumps

from django.core.management.base import BaseCommand, CommandParser

from controlplane.simulation.faults import PolicyFaults
from controlplane.simulation.policies import DEFAULTS, also_in_force, read_rules
from controlplane.simulation.report import report
from controlplane.simulation.run import STANDARD_OUTPUT, simulate
from controlplane.simulation.trace import TraceFault

USAGE_FAULT = 2


class Command(BaseCommand):
    """manage.py simulate."""

    requires_system_checks = ()  # policies and traces are files: nothing of the installation is needed for them
    help = (
        "Try policies on recorded traffic, in virtual time and with the code that enforces them: what would have "
        "passed, waited and been refused? A trace has one JSON object a line, by time, such as "
        '{"at": 0.5, "client": "crm-sync", "connection": 1, "channel": "web-chat", "bytes": 120, "kind": "message"}; '
        "all but at may be left out. Kinds are message, control, handshake and close."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Policies, the trace, and what to print."""
        policy = "YAML or JSON file, or stored policy: its id or tenant/name, with @12 behind it for version 12"
        parser.add_argument("POLICY", help=policy)
        parser.add_argument("--policy", action="append", default=[], help=f"another one, or {DEFAULTS}; may repeat")
        parser.add_argument("--credentials", type=int, default=1, help="how many the platform connection has")
        parser.add_argument("--trace", required=True, help="file of JSON lines, plain or gzip; - is standard input")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
        parser.add_argument("--events", help="write what became of each event to this file, as JSON lines; - prints it")

    def handle(
        self,
        *,
        policy: Sequence[str],
        credentials: int,
        trace: str,
        json: bool,
        events: str | None,
        **options: object,
    ) -> None:
        """Simulate and print; exit with 2 if a policy or the trace is wrong."""
        began = time.perf_counter()
        try:
            rules = read_rules([str(options["POLICY"]), *policy], credentials)
            figures = simulate(rules, trace, events)
        except (PolicyFaults, TraceFault) as faults:
            self.stderr.write(str(faults))
            sys.exit(USAGE_FAULT)
        took_seconds = time.perf_counter() - began
        tables = f"{report(figures, took_seconds)}\n\n{also_in_force(rules)}".strip()
        text = dumps(figures.as_json(), indent=2) if json else tables
        (self.stderr if events == STANDARD_OUTPUT else self.stdout).write(text)
