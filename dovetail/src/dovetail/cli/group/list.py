"""`dovetail group list`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.loop import run
from dovetail.cli.output import as_json, line, span
from dovetail.cli.progress import said_if_slow
from dovetail.status import GroupInfo


@click.command("list", cls=AddressCommand)
@address_argument
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object for each row.")
def list_groups(address: Address, in_json: bool) -> None:
    """List each group with its subjects, how many members run, and what waits.

    Nobody since: how long ago a member last did something, where none runs; ? where the queue does not
    tell. Waiting, in hand, dead and oldest are those of `dovetail status`.
    """
    rows = run(look(address))
    if in_json:
        for row in rows:
            line(as_json(flat(row)))
    elif rows:
        _show(rows)
    else:
        line("No group has joined yet.")


async def look(address: Address) -> Sequence[GroupInfo]:
    """All groups, by name."""
    async with address.connected() as queue:
        with said_if_slow("Asking the server…"):
            rows = await queue.groups()
    return sorted(rows, key=lambda row: (row.status.group, row.status.subject))


def flat(row: GroupInfo) -> dict[str, Any]:
    """As one object: how far it has come, and who runs."""
    status: dict[str, Any] = msgspec.to_builtins(row.status)
    return {**status, "running": row.running, "seen": row.seen}


def ago(moment: datetime) -> str:
    """How long ago that was."""
    return span((datetime.now(UTC) - moment).total_seconds())


def _show(rows: Sequence[GroupInfo]) -> None:
    # rich takes longer to import than everything else here
    from dovetail.cli.tables import Column, show_table  # noqa: PLC0415

    columns = [Column("Group"), Column("Subject", flexible=True), Column("Kind")]
    names = ("Members", "Nobody since", "Waiting", "In hand", "Dead", "Oldest")
    show_table(columns + [Column(name, number=True) for name in names], [_row(row) for row in rows])


def _row(row: GroupInfo) -> list[str]:
    status = row.status
    nobody = "-" if row.running else ago(row.seen) if row.seen else "?"
    numbers = [f"{number:,}" for number in (status.waiting, status.in_hand, status.dead)]
    oldest = ago(status.oldest) if status.oldest else "-"
    return [
        status.group,
        status.subject,
        status.kind,
        f"{row.running:,}",
        nobody,
        *numbers,
        oldest,
    ]
