"""`dovetail publish`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.data import data_arguments, given_bytes, json_or_text
from dovetail.cli.loop import run
from dovetail.cli.output import clock, count, line, note, shown, span
from dovetail.cli.seconds import Seconds
from dovetail.codec.envelope import encode
from dovetail.codec.identifiers import new_id
from dovetail.codec.subjects import check_subject
from dovetail.queue import MessageQueue


@dataclass(frozen=True)
class Publishing:
    """What is to be published, and how often."""

    address: Address
    subject: str
    data: bytes
    durable: bool
    raw: bool
    id: str | None
    repeat: int
    #: Seconds.
    interval: float


@click.command("publish", cls=AddressCommand)
@address_argument
@click.argument("subject")
@data_arguments
@click.option(
    "--repeat", type=click.IntRange(1), default=1, metavar="N", help="Publish it N times."
)
@click.option(
    "--interval",
    type=Seconds(86_400),
    default=0.0,
    metavar="SECONDS",
    help="Pause between two of them.",
)
@click.option(
    "--durable",
    is_flag=True,
    help="Store it for every group, as a CloudEvent: DATA as JSON, else as text.",
)
@click.option(
    "--raw", is_flag=True, help="With --durable: store the bytes as they are, in no envelope."
)
@click.option(
    "--id", help="With --durable: the message's id. Of two with the same id the queue keeps one."
)
def command(file: str | None, data: str | None, **given: Any) -> None:
    """Publish DATA on SUBJECT, live: to those who listen now, as the bytes that it is.

    \b
    dovetail publish nats://localhost:4222 channel21 ping --repeat 50 --interval 5
    dovetail publish nats://localhost:4222 events.todo.newitem '{"item": …}' --durable
    """
    if given["id"] and not given["durable"]:
        raise click.UsageError(
            "--id needs --durable: live messages have none", click.get_current_context()
        )
    run(_publish(Publishing(data=given_bytes(data, file), **given)))


async def _publish(what: Publishing) -> None:
    check_subject(what.subject)
    value = json_or_text(what.data) if what.durable and not what.raw else None
    done, began = 0, time.monotonic()
    async with what.address.connected() as queue:
        try:
            while done < what.repeat:
                if done and what.interval:
                    await asyncio.sleep(what.interval)
                said = await _once(queue, what, value)
                done += 1
                line(f"{done:>5}  {clock()}  {what.subject}  {said}")
        finally:
            if what.repeat > 1:
                took = span(time.monotonic() - began)
                note(f"Published {done:,} of {count(what.repeat, 'message')} in {took}.")


async def _once(queue: MessageQueue, what: Publishing, value: Any) -> str:
    """Publish it once, and return what is to be said about it."""
    if not what.durable:
        await queue.publish_raw(what.subject, what.data, durable=False)
        return shown(what.data)
    message_id, body = what.id or new_id(), what.data
    if not what.raw:
        body = encode(value, id=message_id, source=queue.options.source, type=what.subject)
    await queue.publish_raw(what.subject, body, id=message_id)
    return f"{shown(what.data)}  id {message_id}"
