"""The relay, or the worker, with defences taken out: twins of fault tests must see the harm.

Run as `manage.py`, or with `worker`, which rolls up when it is told to. BROKEN_DEFENCES has the names, separated by
commas. A relay's children are started by the same file, so they lack the same defences.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from pkgutil import resolve_name
from threading import Event
from typing import Any, TypeAlias

import django
from django.core.management import execute_from_command_line

from relay.process.tasks import CANCEL_AGAIN_SECONDS

NEVER_SECONDS = 1_000_000.0
Unchecked: TypeAlias = Any  # what stands in for anything


def _nothing(*_arguments: Unchecked, **_options: Unchecked) -> str:
    return ""


def _none_open() -> int:
    return 0


async def _no_drain(*_arguments: Unchecked) -> None:
    pass


@asynccontextmanager
async def _at_once(*_arguments: Unchecked) -> AsyncIterator[int]:
    yield 0


def _all_of_it(*_arguments: Unchecked, **_options: Unchecked) -> float:
    return 1.0


async def _no_answer(*_arguments: Unchecked) -> None:
    raise TimeoutError


def _log_on_the_loop(handler: Unchecked, record: Unchecked) -> None:
    sys.stdout.write(handler.format(record) + "\n")
    sys.stdout.flush()


def _forgetting(read_on: Callable[..., Unchecked]) -> Callable[..., Unchecked]:
    """Read records, and forget them in Redis before they are committed."""
    forget_records = resolve_name("relay.store.telemetry_stream:forget_records")

    def read_and_forget(*arguments: Unchecked) -> Unchecked:
        reading = read_on(*arguments)
        if reading.records:
            forget_records(reading.records[-1][0])
        return reading

    return read_and_forget


def _mortal(start: Callable[..., Unchecked]) -> Callable[..., Unchecked]:
    """Start background tasks so that SIGUSR1 ends the one that a file names, and SIGUSR2 blocks the event loop."""
    tasks: dict[str, Unchecked] = {}

    def end() -> None:
        task = tasks[Path(os.environ["MORTAL_TASK"]).read_text(encoding="utf-8")]
        if task.cancel():  # it has not ended yet
            task.get_loop().call_later(CANCEL_AGAIN_SECONDS, end)

    def start_and_listen(owner: Unchecked, work: Unchecked, name: str) -> Unchecked:
        tasks[name] = start(owner, work, name)
        loop = tasks[name].get_loop()
        signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(end))
        signal.signal(signal.SIGUSR2, lambda *_: loop.call_soon_threadsafe(Event().wait, NEVER_SECONDS))
        return tasks[name]

    return start_and_listen


class Around:
    """What stands in for a function, made of the function itself."""

    def __init__(self, change: Callable[[Callable[..., Unchecked]], Callable[..., Unchecked]]) -> None:
        """Make it by ``change``."""
        self.change = change


DEFENCES: Mapping[str, Mapping[str, Unchecked]] = {
    "restart": {
        "relay.process.supervisor:FIRST_PAUSE_SECONDS": NEVER_SECONDS,
        "relay.process.supervisor:LONGEST_PAUSE_SECONDS": NEVER_SECONDS,
    },
    "abort": {
        "relay.splicing.session:Session._end_in": _nothing,
        "relay.splicing.session:LEFT_OVER_SECONDS": NEVER_SECONDS,
        "relay.gateway.drain:CLOSE_SECONDS": NEVER_SECONDS,
    },
    "drain": {"relay.gateway.server:drain": _no_drain},
    "reserve": {
        "relay.process.resources:Resources.refuses": _nothing,
        "relay.process.resources:open_files": _none_open,
    },
    "deadlines": {
        "relay.upstream.link:HANDSHAKE_SECONDS": NEVER_SECONDS,
        "relay.upstream.link:CONNECT_SECONDS": NEVER_SECONDS,
    },
    "dead_peers": {
        "relay.upstream.link:notice_dead_peer": _nothing,
        "relay.gateway.server:notice_dead_peer": _nothing,
    },
    "inspection": {"relay.splicing.session:Session.inspect": _nothing},
    "handshake_zone": {"relay.sharing.entering:Entering.entered": _at_once},
    "leases": {
        "relay.sharing.tenant_leases:TenantLeases._take": _no_answer,
        "relay.sharing.tenant_leases:share_alone": _all_of_it,
    },
    "give_up": {"relay.sharing.place:Place.give_up": _nothing},
    "apply_change": {"relay.gateway.worker:Worker.apply_change": _nothing},
    "log_thread": {"controlplane.logs.writer:LineWriter.emit": _log_on_the_loop},
    "mortal": {"relay.process.tasks:BackgroundTasks.start": Around(_mortal)},
    "commit_first": {"relay.telemetry.rollups:read_on": Around(_forgetting)},
}


def _break(path: str, instead: Unchecked) -> None:
    owner, _, name = path.replace(":", ".").rpartition(".")
    whole = resolve_name(path)
    setattr(resolve_name(owner), name, instead.change(whole) if isinstance(instead, Around) else instead)


def main() -> None:
    """Break what shall be broken, and run."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()
    for defence in filter(None, os.environ["BROKEN_DEFENCES"].split(",")):
        for path, instead in DEFENCES[defence].items():
            _break(path, instead)
    if sys.argv[1] == "worker":
        _roll_up_when_told()
    else:
        execute_from_command_line(sys.argv)


def _roll_up_when_told() -> None:
    """Speak as the workers of tests/relay/beats.py do."""
    roll_up_telemetry = resolve_name("relay.tasks:roll_up_telemetry")
    answers = sys.stdout
    answers.write("ready\n")
    answers.flush()
    for _ in sys.stdin:
        roll_up_telemetry()
        answers.write("done\n")
        answers.flush()


if __name__ == "__main__":
    main()
