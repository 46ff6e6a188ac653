"""`dovetail dead replay` and `dovetail dead drop`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.dead.filters import filter_options
from dovetail.cli.dead.mending import given_body, mended
from dovetail.cli.dead.selection import MOST, Selection, selected
from dovetail.cli.endings import Ending
from dovetail.cli.loop import run
from dovetail.cli.output import count, note
from dovetail.cli.progress import counted
from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter
from dovetail.queue import MessageQueue

Change = Callable[[MessageQueue, DeadLetter], Awaitable[None]]


@dataclass(frozen=True)
class Action:
    """What is done to each dead letter, and the words for it."""

    change: Change
    verb: str
    doing: str
    done: str


_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_every = click.option("--all", "every", is_flag=True, help="All dead letters.")
_ids = click.argument("ids", nargs=-1, metavar="[ID]...")


@click.command("replay", cls=AddressCommand)
@address_argument
@_ids
@filter_options(most=MOST)
@_every
@click.option(
    "--data", metavar="JSON", help="With one ID: replace the data, and keep the envelope."
)
@click.option(
    "--body", metavar="TEXT", help="With one ID: replace the whole message, envelope and all."
)
@click.option(
    "--file", metavar="FILE", help="The same, from a file, or from stdin where FILE is -."
)
@_yes
def replay(data: str | None, body: str | None, file: str | None, **given: Any) -> None:
    """Hand dead letters back to the group that failed, and to no other, as a first attempt.

    \b
    dovetail dead replay nats://localhost:4222 17 18
    dovetail dead replay nats://localhost:4222 17 --data '{"item": …}'
    dovetail dead replay nats://localhost:4222 --group save-handler --older-than 2h
    """
    chosen = selected(given)
    new_body, new_data = given_body(body, file), given_body(data, None)
    given_ways = (new_body is not None) + (new_data is not None)
    if given_ways > 1 or (given_ways and len(chosen.ids) != 1):
        raise click.UsageError(
            "one of --data, --body, --file mends one ID", click.get_current_context()
        )

    async def change(queue: MessageQueue, letter: DeadLetter) -> None:
        await queue.dead_letters.replay(letter, body=mended(letter, new_data, new_body))

    _carry_out(chosen, Action(change, "Replay", "Replaying", "Replayed"))


@click.command("drop", cls=AddressCommand)
@address_argument
@_ids
@filter_options(most=MOST)
@_every
@_yes
def drop(**given: Any) -> None:
    """Remove dead letters for good.

    \b
    dovetail dead drop nats://localhost:4222 17 18
    dovetail dead drop nats://localhost:4222 --subject 'events.todo.>' --older-than 30d
    """

    async def change(queue: MessageQueue, letter: DeadLetter) -> None:
        await queue.dead_letters.drop(letter)

    _carry_out(selected(given), Action(change, "Drop", "Dropping", "Dropped"))


def _carry_out(chosen: Selection, action: Action) -> None:
    letters, missing = run(chosen.find())
    if not chosen.ids and not letters:
        raise Ending("dovetail: no dead letter matches; nothing was done")
    if not chosen.ids and not chosen.yes:
        _confirm(letters, action)
    gone = run(_apply(chosen.address, letters, action))
    if chosen.ids and (missing := missing + gone):
        raise DeadLetterNotFound(", ".join(missing))


async def _apply(address: Address, letters: Sequence[DeadLetter], action: Action) -> list[str]:
    """Do it to each; returns the ids of those that were gone meanwhile."""
    gone: list[str] = []
    done = 0
    async with address.connected() as queue:
        try:
            for letter in counted(letters, action.doing):
                try:
                    await action.change(queue, letter)
                    done += 1
                except DeadLetterNotFound:
                    gone.append(letter.id)
        finally:
            note(f"{action.done} {count(done, 'dead letter')}.")
    return gone


def _confirm(letters: Sequence[DeadLetter], action: Action) -> None:
    """Ask on stderr; ends the command unless the answer is yes."""
    groups = ", ".join(sorted({letter.group for letter in letters}))
    question = f"{action.verb} {count(len(letters), 'dead letter')} of {groups}? [y/N] "
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise Ending(
            "Nothing was done."
            if answer
            else "\nNobody answered, nothing was done; --yes does not ask."
        )
