"""One simulation from its files to its figures."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from controlplane.simulation.figures import Figures
from controlplane.simulation.outcomes import OutcomeWriter
from controlplane.simulation.trace import BEGIN_NS, TraceFault, open_trace, read_trace
from relay.simulation.rules import Rules
from relay.simulation.world import World

STANDARD_OUTPUT = "-"


def simulate(rules: Rules, trace: str, events: str | None) -> Figures:
    """Play the file ``trace`` against ``rules``, and write each outcome to ``events``, if that names something.

    Raises:
        TraceFault: the trace is wrong, or a file can't be opened.
    """
    figures = Figures(rules.policies)
    with open_trace(trace) as raw, _events_file(events) as file:
        write = OutcomeWriter(file).write if file is not None else None
        for outcome in World(rules, BEGIN_NS).play(figures.watch(read_trace(raw))):
            figures.add(outcome)
            if write is not None:
                write(outcome)
    return figures


@contextmanager
def _events_file(name: str | None) -> Iterator[BinaryIO | None]:
    if name is None:
        yield None
    elif name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        try:
            with Path(name).open("wb") as file:
                yield file
        except OSError as error:
            raise TraceFault(f"{name}: {error.strerror}. Choose another file with --events.") from error
