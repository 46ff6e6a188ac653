"""`dovetail gather`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.data import data_arguments, given_bytes, json_or_text
from dovetail.cli.exit_status import Ending
from dovetail.cli.loop import run
from dovetail.cli.output import as_json, count, line, note, one_line, shown
from dovetail.cli.progress import PATIENCE, said_if_slow
from dovetail.cli.requests import ask
from dovetail.cli.seconds import Seconds
from dovetail.errors import HandlerFailed, NobodyListening
from dovetail.gather import Gathered, collect

_seconds = Seconds(above_zero=True)


@dataclass(frozen=True)
class Gathering:
    """What to ask, and when to stop waiting. Times are in seconds."""

    address: Address
    subject: str
    value: Any
    timeout: float
    stall: float | None
    most: int | None
    as_json: bool

    def why(self, stopped: str) -> str:
        """Why it stopped waiting."""
        return {
            "timeout": f"the {self.timeout:g} s were over",
            "stall": f"no more came for {self.stall or 0:g} s",
            "most": "that is as many as were asked for",
            "nobody": "nobody was there",
        }[stopped]


@click.command("gather", cls=AddressCommand)
@address_argument
@click.argument("subject")
@data_arguments
@click.option(
    "--timeout",
    type=_seconds,
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers.",
)
@click.option(
    "--stall", type=_seconds, metavar="SECONDS", help="Stop when no more came for so long."
)
@click.option("--most", type=click.IntRange(1), metavar="N", help="Stop after N answers.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print all of it as one JSON object at the end."
)
def command(data: str | None, file: str | None, **given: Any) -> None:
    """Ask everyone on SUBJECT, print every answer as it comes, and say why it stopped waiting.

    DATA is JSON; anything else goes as text.

    \b
    dovetail gather nats://localhost:4222 requests.todo.whoisthere
    """
    what = Gathering(value=json_or_text(given_bytes(data, file)), **given)
    gathered = run(_gather(what))
    if gathered.stopped == "nobody":
        raise NobodyListening(what.subject)
    if what.as_json:
        fields = {"answers": gathered.answers, "failures": gathered.failures}
        line(as_json(fields | {"stopped": gathered.stopped}))
    failed = f", {len(gathered.failures):,} failed" if gathered.failures else ""
    note(f"{count(len(gathered), 'answer')}{failed}; {what.why(gathered.stopped)}.")
    if not gathered.answers:
        raise Ending("")


async def _gather(what: Gathering) -> Gathered[Any]:
    async with what.address.connected() as queue:
        answers = ask(queue, what.subject, what.value, what.timeout)
        told = said_if_slow(f"Waiting for answers, {what.timeout:g} s at most…")
        # Not at the very moment when the answers are summed up.
        with told if what.timeout > PATIENCE else nullcontext():
            return await collect(
                answers if what.as_json else _printed(answers), what.stall, what.most
            )


async def _printed(
    answers: AsyncGenerator[tuple[Any, HandlerFailed | None]],
) -> AsyncGenerator[tuple[Any, HandlerFailed | None]]:
    """The same, each printed as it passes."""
    number = 0
    async with aclosing(answers):
        async for answer, failure in answers:
            if failure is None:
                number += 1
                line(f"{number:>5}  {shown(answer)}")
            else:
                note(f"failed: {one_line(str(failure))}")
            yield answer, failure
