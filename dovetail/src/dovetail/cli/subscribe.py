"""`dovetail subscribe`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.exit_status import Ending
from dovetail.cli.loop import run
from dovetail.cli.output import as_json, bytes_as_json, line, note, shown
from dovetail.cli.signals import first
from dovetail.codec.envelope import Received
from dovetail.codec.subjects import check_pattern
from dovetail.errors import NotReady
from dovetail.group import Group
from dovetail.network.server_address import without_secrets
from dovetail.worker import Worker


@dataclass(frozen=True)
class Subscribing:
    """What to listen to, and how to print it."""

    address: Address
    pattern: str
    group: str | None
    start: Literal["first", "new"]
    count: int | None
    timestamps: bool
    as_json: bool

    def wants(self, number: int) -> bool:
        """Whether the message with this number, the first being 1, is still asked for."""
        return self.count is None or number <= self.count


@click.command("subscribe", cls=AddressCommand)
@address_argument
@click.argument("pattern")
@click.option("--group", metavar="NAME", help="Join this group: share its messages, miss none.")
@click.option(
    "--start",
    type=click.Choice(["first", "new"]),
    default="first",
    show_default=True,
    help="With --group, the first time: from the first message kept, or only new ones.",
)
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option("--timestamps", is_flag=True, help="Print when each came.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each message.")
def command(**given: Any) -> None:
    """Print each message on PATTERN: its number, its subject and its data.

    PATTERN is a subject; in it * stands for one word, and > at the end for the rest. Without --group
    it shows what is published from now on. With --group it takes messages as a handler does: each
    goes to one member, and what is published while no member runs waits for the next.

    \b
    dovetail subscribe nats://localhost:4222 'events.todo.>'
    """
    what = Subscribing(**given)
    check_pattern(what.pattern)
    run(_listen(what) if what.group is None else _join(what, what.group))


async def _listen(what: Subscribing) -> None:
    async with what.address.connected() as queue, queue.transport.listen(what.pattern) as messages:
        note(f"Listening on {what.pattern} at {without_secrets(what.address.url)}. Ctrl-C stops.")
        number = 0
        async for message in messages:
            number += 1
            line(_described(what, number, message))
            if not what.wants(number + 1):
                break


async def _join(what: Subscribing, name: str) -> None:
    """Print as a member of a group; a message is acked once its line is out."""
    group = Group(name, start=what.start)
    ended: asyncio.Future[Ending | None] = asyncio.get_running_loop().create_future()
    group.on(what.pattern)(_printer(what, ended))
    async with what.address.connected() as queue, Worker(queue, [group]) as worker:
        note(
            f"Member of the group {name} on {what.pattern} at {without_secrets(what.address.url)}. "
            "Ctrl-C stops; the group stays, and new messages wait for it."
        )
        if ending := await first(worker, ended):
            raise ending


def _printer(what: Subscribing, ended: asyncio.Future[Ending | None]) -> Callable[[Received], Any]:
    number = 0

    async def show(message: Received) -> None:
        nonlocal number
        if ended.done():
            raise NotReady("no more is to be printed")
        try:
            line(_described(what, number + 1, message))
        except Ending as ending:
            _end(ended, ending)
            raise NotReady("it could not be printed") from ending
        number += 1
        if not what.wants(number + 1):
            _end(ended, None)

    return show


def _end(ended: asyncio.Future[Ending | None], ending: Ending | None) -> None:
    # What was fetched and is not wanted goes back with NotReady. Nobody needs to read of that.
    logging.getLogger("dovetail.worker").setLevel(logging.ERROR)
    ended.set_result(ending)


def _described(what: Subscribing, number: int, message: Received) -> str:
    now = datetime.now(UTC).astimezone()
    if what.as_json:
        return as_json(_fields(number, message) | {"received_at": now})
    time = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03}  " if what.timestamps else ""
    return f"{number:>5}  {time}{message.subject}  {shown(message.data)}"


def _fields(number: int, message: Received) -> dict[str, Any]:
    fields: dict[str, Any] = {"number": number, "subject": message.subject}
    for name in ("id", "type", "source", "time", "traceparent"):
        if (value := getattr(message, name)) is not None:
            fields[name] = value
    if isinstance(message.data, bytes):
        return fields | bytes_as_json("data", message.data)
    return fields | {"data": message.data}
