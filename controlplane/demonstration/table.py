"""The words and the table that a visitor sees. Gets figures, and knows nothing of where they come from."""

import io
import math
import select
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from controlplane.demonstration.credentials import Credentials
from controlplane.demonstration.figures import Relays, Row

Tenants: TypeAlias = Sequence[tuple[tuple[str, str], Sequence[Row]]]  # by tenant and platform
PLATFORMS = {"genesys": "Genesys", "cxone": "CXone"}
LEGEND = (
    "offered: what the client wanted to send; waiting: offered, not yet relayed; refused: handshakes; "
    "held: in the relay, p50 / p99 in ms; counted, per s, peak: what the platform itself counted, "
    "its rate over the last 10 s, and the most in any second / the bound that the limit sets (rate + burst + 1)."
)
THOUSAND, MILLION = 1_000, 1_000_000
GAP = "  "
WRITTEN_OUT = 100_000  # larger counts are shortened, so that the table keeps its width


WHOLE_TABLE_WIDTH = 112  # columns that the table with all its columns needs; below, each client has lines of its own
FEWEST_ROWS = 10  # a terminal that tells no height, or a silly one


class Size(NamedTuple):
    """How large a terminal is."""

    columns: int
    rows: int


class Column(NamedTuple):
    """A figure: its header in the table, and where it has no header, its words around the figure."""

    header: str
    cell: Callable[[Row], str]
    words: str = ""

    def in_words(self, row: Row) -> str:
        """The figure with what it is, such as "offered 1,234"."""
        return self.words.format(self.cell(row)) if self.words else f"{self.header} {self.cell(row)}"


def welcome(credentials: Credentials, credentials_file: Path, log_directory: Path) -> str:
    """Addresses and log-ins."""
    return f"""\
Floodgate is up.

  Admin      {credentials.admin_url}   log in as {credentials.user} / {credentials.password}
  Relay      {credentials.relay_url}
  Tokens     {credentials.token_url}
  Simulator  {credentials.simulator_url}   stands in for Genesys and CXone

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


def screen(rows: Sequence[Row], relays: Relays, log_in: str, size: Size, *, has_traffic: bool) -> RenderableType:
    """Headline, log-in and figures for a terminal of that size, and the legend where there is room for it.

    Args:
        rows: one for each client, those of a tenant together.
        relays: how many relay processes answer.
        log_in: the line that says where one logs in, and as whom.
        size: of the terminal, in columns and rows.
        has_traffic: whether integrations send.
    """
    head = Text(" ".join((headline(rows, has_traffic=has_traffic), *relay_words(relays))), style="bold")
    tenants = [(key, list(clients)) for key, clients in groupby(rows, key=lambda row: (row.tenant, row.platform))]
    figures = _table(tenants) if size.columns >= WHOLE_TABLE_WIDTH else _lines(tenants, size.columns)
    parts = [head, Text(log_in), figures]
    whole = [*parts, Text(LEGEND, style="dim")]
    return Group(*(whole if _height(whole, size.columns) < max(size.rows, FEWEST_ROWS) else parts))


def log_in_line(credentials: Credentials) -> str:
    """Where one logs in, and as whom: it stays in sight when the welcome has scrolled away."""
    return f"{credentials.admin_url}  {credentials.user} / {credentials.password}  Ctrl-C ends it."


def _table(tenants: Tenants) -> RenderableType:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column.header, justify="left" if column.cell is _name else "right", no_wrap=True)
    for (tenant, platform), clients in tenants:
        table.add_row(Text(f"{tenant}, {PLATFORMS[platform]}", style="dim"))
        for row in clients:
            table.add_row(*(column.cell(row) for column in COLUMNS), style="bold" if row.floods else "")
    return table


def _lines(tenants: Tenants, width: int) -> RenderableType:
    """The same for a narrow terminal: as many figures on a line as fit, none cut or left out."""
    lines = []
    for (tenant, platform), clients in tenants:
        lines.append(Text(f"{tenant}, {PLATFORMS[platform]}", style="dim"))
        for row in clients:
            style = "bold" if row.floods else ""
            lines += [Text(text, style=style, no_wrap=True) for text in _filled(row, width)]
    return Group(*lines)


def _filled(row: Row, width: int) -> list[str]:
    """One client's figures in lines of at most ``width`` columns; the second and all others are indented."""
    lines = [row.name]
    for column in COLUMNS[1:]:
        words = column.in_words(row)
        if len(lines[-1]) + len(GAP) + len(words) <= width:
            lines[-1] += GAP + words
        else:
            lines.append(GAP + words)
    return lines


def _height(parts: Sequence[RenderableType], width: int) -> int:
    console = Console(width=width, file=io.StringIO())
    return len(console.render_lines(Group(*parts)))


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


def _told(row: Row, number: int) -> str:
    """What the demo's own integrations tell; nobody tells of other programs."""
    return _count(number) if row.has_traffic else "-"


def _count(number: int) -> str:
    if number < WRITTEN_OUT:
        return f"{number:,}"
    return f"{number / THOUSAND:.0f}k" if number < MILLION else f"{number / MILLION:.2f}M"


COLUMNS = (
    Column("client", _name),
    Column("sends", lambda row: row.pace),
    Column("offered", lambda row: _told(row, row.offered)),
    Column("relayed", lambda row: _count(row.relayed)),
    Column("waiting", lambda row: _told(row, row.waiting)),
    Column("refused", lambda row: _count(row.refused)),
    Column("held", _held),
    Column("counted", lambda row: _count(row.counted)),
    Column("per s", lambda row: f"{row.counted_per_second:,.1f}", "{} per s"),
    Column("limit", lambda row: f"{row.limit.messages_per_second:,g}"),
    Column("peak", _peak),
)


def takes_more(console: Console) -> bool:
    """Tell whether its file takes a line at once: where nobody reads, a write would hold up signals and watches too."""
    try:
        return bool(select.select([], [console.file.fileno()], [], 0)[1])
    except io.UnsupportedOperation:  # it is in memory
        return True
