"""`dovetail dead replay` and `dovetail dead drop`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import AddressCommand, address_argument
from dovetail.cli.dead.filters import filter_options
from dovetail.cli.dead.new_body import given_body, mended
from dovetail.cli.dead.selection import Selection, selected
from dovetail.cli.exit_status import Ending
from dovetail.cli.loop import run
from dovetail.cli.output import asked, count, note
from dovetail.cli.progress import Progress
from dovetail.dead_letter import DeadLetter, Wanted
from dovetail.dead_letters import DeadLetters
from dovetail.errors import DeadLetterNotFound
from dovetail.transport import Done

#: Does it to those that are meant, and tells of those that are done.
Change = Callable[[DeadLetters, Wanted, Done], Awaitable[object]]


@dataclass(frozen=True)
class Action:
    """What is done to dead letters, and the words for it."""

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
@filter_options()
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

    def mend(letter: DeadLetter) -> bytes:
        body = mended(letter, new_data, new_body)
        return letter.body if body is None else body

    async def change(letters: DeadLetters, wanted: Wanted, done: Done) -> None:
        await letters.replay_all(mend=mend, progress=done, **wanted)

    _carry_out(chosen, Action(change, "Replay", "Replaying", "Replayed"))


@click.command("drop", cls=AddressCommand)
@address_argument
@_ids
@filter_options()
@_every
@_yes
def drop(**given: Any) -> None:
    """Remove dead letters for good.

    \b
    dovetail dead drop nats://localhost:4222 17 18
    dovetail dead drop nats://localhost:4222 --subject 'events.todo.>' --older-than 30d
    """

    async def change(letters: DeadLetters, wanted: Wanted, done: Done) -> None:
        await letters.drop_all(progress=done, **wanted)

    _carry_out(selected(given), Action(change, "Drop", "Dropping", "Dropped"))


def _carry_out(chosen: Selection, action: Action) -> None:
    if chosen.ids:
        if missing := run(_apply(chosen, len(chosen.ids), action)):
            raise DeadLetterNotFound(", ".join(missing))
        return
    counts = run(chosen.count())
    there = sum(counts.values())
    total = min(there, chosen.wanted.get("most") or there)
    if not total:
        raise Ending("dovetail: no dead letter matches; nothing was done")
    if not chosen.yes:
        which = "the newest " if total < there else ""
        _confirm(f"{which}{count(total, 'dead letter')} of {', '.join(sorted(counts))}", action)
    run(_apply(chosen, total, action))


async def _apply(chosen: Selection, total: int, action: Action) -> list[str]:
    """Do it, and say what was done, however this ends; gives the ids that there were none of."""
    progress, missing = Progress(action.doing, total), dict.fromkeys(chosen.ids)
    finished = False

    def done(letters: Sequence[DeadLetter]) -> None:
        progress(letters)
        for one in letters:
            missing.pop(one.id, None)

    async with chosen.address.connected() as queue:
        try:
            await action.change(queue.dead_letters, chosen.wanted, done)
            finished = True
        finally:
            progress.end()
            said = f"{action.done} {count(progress.done, 'dead letter')}."
            if not finished and (left := total - progress.done) > 0:
                said += f" {left:,} are left: the same command goes on with them."
            note(said)
    return [*missing]


def _confirm(what: str, action: Action) -> None:
    """Ask on stderr; ends the command unless the answer is yes."""
    answer = asked(f"{action.verb} {what}? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        if answer:
            raise Ending("Nothing was done.")
        note("")  # the question stands on a line without an end
        raise Ending("Nobody answered, nothing was done; --yes does not ask.")
