"""`dovetail send`."""

from __future__ import annotations

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.data import data_arguments, given_bytes, json_or_text
from dovetail.cli.loop import run
from dovetail.cli.output import line
from dovetail.codec.envelope import encode
from dovetail.codec.subjects import check_subject
from dovetail.delivery import Outgoing
from dovetail.queue import id_of


@click.command("send", cls=AddressCommand)
@address_argument
@click.argument("subject")
@data_arguments
@click.option("--id", help="The command's id. Of two with the same id the queue keeps one.")
def command(
    address: Address, subject: str, data: str | None, file: str | None, id: str | None
) -> None:
    """Send a command to the one group that handles SUBJECT, and do not wait for it to be done.

    DATA is JSON; anything else goes as text. Fails where no group has ever claimed the command.

    \b
    dovetail send nats://localhost:4222 commands.todo.import '{"path": "items.csv"}'
    """
    run(_send(address, subject, given_bytes(data, file), id_of(id)))


async def _send(address: Address, subject: str, data: bytes, id: str) -> None:
    check_subject(subject)
    value = json_or_text(data)
    async with address.connected() as queue:
        body = encode(value, id=id, source=queue.options.source, type=subject)
        outgoing = Outgoing("command", subject, body, id)
        await queue.transport.publish((outgoing,), queue.options.timeout)
    line(f"{subject} is on the queue  id {id}")
