"""The words and the table that a visitor sees. Gets figures, and knows nothing of where they come from."""

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controlplane.demonstration.credentials import Credentials
from controlplane.demonstration.figures import Row

PLATFORMS = {"genesys": "Genesys", "cxone": "CXone"}
COLUMNS = (
    "limit",
    "offers",
    "offered",
    "relayed",
    "waiting",
    "refused",
    "held p50",
    "p99",
    "counted",
    "per second",
    "peak",
)
COLUMNS_EXPLAINED = (
    "offered: what the client wanted to send. waiting: offered, not relayed yet. refused: handshakes. "
    "held: in the relay, last 10 s.\n"
    "counted, per second, peak: what the platform itself counted, its rate over the last 10 s, and the most in any "
    "second / the most that the limit allows."
)


def welcome(credentials: Credentials, credentials_file: Path, log_directory: Path) -> str:
    """Addresses and log-ins."""
    return f"""\
Floodgate is up.

  Portal     {credentials.portal_url}   log in as {credentials.owner_user} / {credentials.owner_password}
  Admin      {credentials.admin_url}   log in as {credentials.user} / {credentials.password}
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
    beside = sum(row.waiting for row in rows if not row.floods and row.offered)
    return (
        f"{flood.name} offers {flood.pace}; its policy allows {flood.limit.messages_per_second:,g}/s: "
        f"the platform got {flood.counted_per_second:,.1f}/s. Of all others {beside:,} wait."
    )


def screen(rows: Sequence[Row], *, has_traffic: bool) -> RenderableType:
    """Headline, table and legend."""
    table = Table(pad_edge=False, header_style="bold", expand=False)
    table.add_column("client", no_wrap=True)
    table.add_column("platform", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row.name, PLATFORMS[row.platform], *_cells(row), style="bold" if row.floods else "")
    return Group(
        Text(headline(rows, has_traffic=has_traffic), style="bold"), table, Text(COLUMNS_EXPLAINED, style="dim")
    )


def line(rows: Sequence[Row], *, has_traffic: bool) -> str:
    """The same in one line, for logs."""
    clients = "; ".join(
        f"{row.name} offered {row.offered:,} relayed {row.relayed:,} waiting {row.waiting:,} refused {row.refused:,} "
        f"counted {row.counted:,} at {row.counted_per_second:,.1f}/s, peak {row.peak:,} of {row.limit.most_in_a_second:,}"
        for row in rows
    )
    return f"{headline(rows, has_traffic=has_traffic)} {clients}"


def _cells(row: Row) -> tuple[str, ...]:
    limit = row.limit
    return (
        f"{limit.messages_per_second:,g}/s + {limit.burst:,}",
        row.pace,
        f"{row.offered:,}",
        f"{row.relayed:,}",
        f"{row.waiting:,}",
        f"{row.refused:,}",
        _held(row, row.held_p50_ms),
        _held(row, row.held_p99_ms),
        f"{row.counted:,}",
        f"{row.counted_per_second:,.1f}",
        f"{row.peak:,} / {limit.most_in_a_second:,}",
    )


def _held(row: Row, bound_ms: float) -> str:
    if not row.relayed or not bound_ms:
        return "-"
    return "> 30 s" if math.isinf(bound_ms) else f"≤ {bound_ms:,g} ms"
