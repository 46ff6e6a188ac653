"""`dovetail status`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.loop import run
from dovetail.cli.output import as_json, count, line, note, one_line, size, span
from dovetail.cli.progress import said_if_slow
from dovetail.errors import QueueUnavailable
from dovetail.queue import MessageQueue
from dovetail.status import GroupStatus, QueueStatus

#: Seconds between two looks with --watch.
WATCH_SECONDS = 1.0


@click.command("status", cls=AddressCommand)
@address_argument
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object.")
@click.option("--watch", is_flag=True, help="Look again every second until Ctrl-C.")
def command(address: Address, in_json: bool, watch: bool) -> None:
    """Show the server, its store, and how far each group has come.

    Waiting: no member has them yet. In hand: a member has them, or they wait for their next attempt.
    Dead: given up, and kept as dead letters. Oldest: the age of the oldest that is not handled.
    With ~ where a number is an estimate, as it would take long to find out.
    """
    run(_watch(address, in_json) if watch else _once(address, in_json))


async def _once(address: Address, in_json: bool) -> None:
    async with address.connected() as queue:
        with said_if_slow("Asking the server…"):
            status = await queue.status()
    _show(status, in_json)


async def _watch(address: Address, in_json: bool) -> None:
    async with address.connected() as queue:
        while True:
            await _look(queue, in_json)
            await asyncio.sleep(WATCH_SECONDS)


async def _look(queue: MessageQueue, in_json: bool) -> None:
    try:
        status = await queue.status()
    except QueueUnavailable as error:
        note(f"{one_line(str(error))}; trying again")
        return
    if not in_json:
        click.clear()
    _show(status, in_json)


def _show(status: QueueStatus, in_json: bool) -> None:
    if in_json:
        line(as_json(status))
        return
    line(f"{status.server} at {status.address}")
    line(f"Store         {count(status.messages, 'message')}, {_room(status)}")
    dead = f"{status.dead_letters:,}"
    line(
        f"Dead letters  {dead}"
        + ("   (dovetail dead list shows them)" if status.dead_letters else "")
    )
    line("")
    if status.groups:
        _show_groups(status.groups)
        if status.estimated:
            line(
                "",
                "~ about; the oldest may be older still. The exact number would take long to find.",
            )
    else:
        line("No group has joined yet.")


def _room(status: QueueStatus) -> str:
    if status.bytes is None:
        return "bytes unknown"
    if status.limit_bytes is None:
        return f"{size(status.bytes)}, no limit"
    share = status.bytes / status.limit_bytes if status.limit_bytes else 1.0
    return f"{size(status.bytes)} of {size(status.limit_bytes)} ({share:.0%})"


def _show_groups(groups: list[GroupStatus]) -> None:
    # rich takes longer to import than everything else here
    from dovetail.cli.tables import Column, show_table  # noqa: PLC0415

    columns = [Column("Group"), Column("Subject", flexible=True)]
    columns += [Column(name, number=True) for name in ("Waiting", "In hand", "Dead", "Oldest")]
    show_table(columns, [_row(group) for group in groups])


def _row(group: GroupStatus) -> list[str]:
    age = span((datetime.now(UTC) - group.oldest).total_seconds()) if group.oldest else "-"
    shown = {"waiting": f"{group.waiting:,}", "in_hand": f"{group.in_hand:,}"}
    shown |= {"dead": f"{group.dead:,}", "oldest": age}
    cells = [f"~ {text}" if name in group.estimates else text for name, text in shown.items()]
    return [group.group, group.subject, *cells]
