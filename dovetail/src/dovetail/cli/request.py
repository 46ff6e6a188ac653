"""`dovetail request`."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.data import data_arguments, given_bytes, json_or_text
from dovetail.cli.loop import run
from dovetail.cli.output import as_json, line, pretty
from dovetail.cli.progress import said_if_slow
from dovetail.cli.requests import ask
from dovetail.cli.seconds import Seconds
from dovetail.errors import HandlerFailed, NoAnswer


@click.command("request", cls=AddressCommand)
@address_argument
@click.argument("subject")
@data_arguments
@click.option(
    "--timeout",
    type=Seconds(above_zero=True),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the answer.",
)
@click.option("--json", "compact", is_flag=True, help="Print the answer as JSON on one line.")
def command(data: str | None, file: str | None, compact: bool, **given: Any) -> None:
    """Ask on SUBJECT, and print the first answer.

    DATA is JSON; anything else goes as text.

    \b
    dovetail request nats://localhost:4222 requests.todo.count
    """
    answer = run(_request(value=json_or_text(given_bytes(data, file)), **given))
    line(*([as_json(answer)] if compact else pretty(answer)))


async def _request(address: Address, subject: str, value: Any, timeout: float) -> Any:
    async with (
        address.connected() as queue,
        aclosing(ask(queue, subject, value, timeout)) as answers,
    ):
        with said_if_slow(f"Waiting for an answer to {subject}, {timeout:g} s at most…"):
            async for answer, failure in answers:
                if failure is not None:
                    raise HandlerFailed(f"the handler of {subject} failed: {failure}")
                return answer
    raise NoAnswer(f"no answer to {subject!r} within {timeout:g} s; --timeout gives it longer")
