"""Tells people what a simulation found, as text."""

from collections.abc import Iterable

from controlplane.simulation.figures import QUANTILES, Figures, Tally
from relay.simulation.events import Kind, Result
from relay.throttle.policy import SECOND_NS

MOST_ROWS = 20
NAMES = {
    Kind.MESSAGE: "messages",
    Kind.FRAGMENT: "fragments",
    Kind.LAST_FRAGMENT: "last fragments",
    Kind.CONTROL: "pings and pongs",
    Kind.HANDSHAKE: "handshakes",
    Kind.REQUEST: "requests",
}
LEGEND = "# passed at once   + went on after a wait   x refused or closed"


def report(figures: Figures, took_seconds: float) -> str:
    """The whole text: what was simulated, tables by kind, client and zone, and the timeline."""
    events = sum(tally.counts.total() for tally in figures.kinds.values())
    seconds = (figures.ended_ns - figures.began_ns) / SECOND_NS
    faster = f"{seconds / took_seconds:,.0f} times as fast as life" if took_seconds else "at once"
    clients = sorted(figures.clients.items(), key=lambda item: -item[1].counts.total())
    zones = [(f"{source.zone} ({_policy_name(source.policy_id, source.version)})", t) for source, t in figures.zones()]
    timeline = figures.timeline
    parts = [
        [f"{events:,} events in {seconds:,.3f} s, simulated in {took_seconds:.2f} s: {faster}."],
        _table("by kind", [(NAMES[kind], tally) for kind, tally in figures.kinds.items()]),
        _table("by client", clients),
        _table("by zone", zones),
        [f"timeline, {timeline.slot_seconds:g} s a line: {LEGEND}", *timeline.lines()],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _policy_name(policy_id: str, version: int) -> str:
    return f"{policy_id}, version {version}" if version else policy_id


def _table(heading: str, rows: Iterable[tuple[str, Tally]]) -> list[str]:
    rows = list(rows)
    shown = rows[:MOST_ROWS]
    width = max([len(heading), *(len(name) for name, _ in shown)])
    titles = [*(result.value for result in Result), *(f"{name} wait" for name in QUANTILES)]
    lines = [f"{heading:{width}}" + "".join(f"{title:>11}" for title in titles)]
    lines += [f"{name:{width}}" + "".join(f"{cell:>11}" for cell in _cells(tally)) for name, tally in shown]
    if len(rows) > len(shown):
        lines.append(f"... and {len(rows) - len(shown):,} more; --json has all.")
    return lines


def _cells(tally: Tally) -> list[str]:
    waits = tally.wait_seconds() or {}
    seconds = [f"{waits[name]:.3f} s" if name in waits else "-" for name in QUANTILES]
    return [f"{tally.counts[result]:,}" for result in Result] + seconds
