"""The words and the table that a visitor sees. Gets figures, and knows nothing of where they come from."""

import io
import math
import select
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from controlplane.demonstration.credentials import Credentials
from controlplane.demonstration.figures import Relays, Row

PLATFORMS = {"genesys": "Genesys", "cxone": "CXone"}
LEGEND = (
    "offered: what the client wanted to send; waiting: offered, not yet relayed; refused: handshakes; "
    "held: in the relay, p50 / p99 in ms; counted, per s, peak: what the platform itself counted, "
    "its rate over the last 10 s, and the most in any second / the bound that the limit sets (rate + burst + 1)."
)
THOUSAND, MILLION = 1_000, 1_000_000
WRITTEN_OUT = 100_000  # larger counts are shortened, so that the table keeps its width


class Column(NamedTuple):
    """A column, and how wide a terminal must be to have it."""

    header: str
    cell: Callable[[Row], str]
    least_width: int = 0


def welcome(credentials: Credentials, credentials_file: Path, log_directory: Path) -> str:
    """Addresses and log-ins."""
    return f"""\
Floodgate is up.

  Admin      {credentials.admin_url}   log in as {credentials.user} / {credentials.password}
  Portal     {credentials.portal_url}   to come, for {credentials.owner_user} / {credentials.owner_password}
  Relay      {credentials.relay_url}
  Tokens     {credentials.token_url}
  Simulator  {credentials.simulator_url}/control/stats   stands in for Genesys and CXone

  Clients and their secrets: {credentials_file}
  Logs: {log_directory}
  Ctrl-C ends it.
"""


def headline(rows: Sequence[Row], *, has_traffic: bool) -> str:
    """What is to be seen, in words."""
    if not has_traffic:
        return "No traffic: connect with a client of credentials.json. docs/tutorial/first-steps.md shows how."
    flood = next((row for row in rows if row.floods), None)
    if flood is None or not flood.counted:
        return "The integrations are connecting."
    return (
        f"{flood.name} offers {flood.pace}; its policy allows {flood.limit.messages_per_second:,g}/s: "
        f"the platform got {flood.counted_per_second:,.1f}/s."
    )


def relay_words(relays: Relays) -> tuple[str, ...]:
    """How many relay processes run; nothing where one is all that there shall be."""
    return (f"{relays.answering} of {relays.wanted} relay processes answer.",) if relays.wanted > 1 else ()


def screen(rows: Sequence[Row], relays: Relays, width: int, *, has_traffic: bool) -> RenderableType:
    """Headline, table and legend for a terminal of so many columns."""
    columns = [column for column in COLUMNS if width >= column.least_width]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.header, justify="left" if column.cell is _name else "right", no_wrap=True)
    for (tenant, platform), clients in groupby(rows, key=lambda row: (row.tenant, row.platform)):
        table.add_row(Text(f"{tenant}, {PLATFORMS[platform]}", style="dim"))
        for row in clients:
            table.add_row(*(column.cell(row) for column in columns), style="bold" if row.floods else "")
    head = Text(" ".join((headline(rows, has_traffic=has_traffic), *relay_words(relays))), style="bold")
    return Group(head, table, Text(LEGEND, style="dim"))


def line(rows: Sequence[Row], relays: Relays, *, has_traffic: bool) -> str:
    """The same in one line, for logs."""
    return " ".join((headline(rows, has_traffic=has_traffic), *relay_words(relays), *map(_clause, rows)))


def _clause(row: Row) -> str:
    flow = f"offered {row.offered:,}, relayed {row.relayed:,}, waiting {row.waiting:,}, refused {row.refused:,}"
    platform = f"counted {row.counted:,}, {row.counted_per_second:,.1f}/s, peak {_peak(row)}"
    return f"{row.name}: {flow}, {platform}."


def _name(row: Row) -> str:
    return row.name


def _held(row: Row) -> str:
    return f"{_bound(row.held_p50_ms)} / {_bound(row.held_p99_ms)}" if row.held_p50_ms else "-"


def _bound(milliseconds: float) -> str:
    return ">30k" if math.isinf(milliseconds) else f"{milliseconds:g}"


def _peak(row: Row) -> str:
    return f"{row.peak:,} / {row.limit.most_in_a_second:,}"


def _count(number: int) -> str:
    if number < WRITTEN_OUT:
        return f"{number:,}"
    return f"{number / THOUSAND:.0f}k" if number < MILLION else f"{number / MILLION:.2f}M"


COLUMNS = (
    Column("client", _name),
    Column("sends", lambda row: row.pace, least_width=112),
    Column("offered", lambda row: _count(row.offered)),
    Column("relayed", lambda row: _count(row.relayed)),
    Column("waiting", lambda row: _count(row.waiting)),
    Column("refused", lambda row: _count(row.refused)),
    Column("held", _held),
    Column("counted", lambda row: _count(row.counted)),
    Column("per s", lambda row: f"{row.counted_per_second:,.1f}"),
    Column("limit", lambda row: f"{row.limit.messages_per_second:,g}", least_width=86),
    Column("peak", _peak, least_width=96),
)


def takes_more(console: Console) -> bool:
    """Tell whether its file takes a line at once: where nobody reads, a write would hold up signals and watches too."""
    try:
        return bool(select.select([], [console.file.fileno()], [], 0)[1])
    except io.UnsupportedOperation:  # it is in memory
        return True
