"""`dovetail group rename` and `dovetail group remove`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence

import click

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.exit_status import Ending
from dovetail.cli.group.list import ago, look
from dovetail.cli.loop import run
from dovetail.cli.output import asked, count, note
from dovetail.codec.subjects import check_name, overlap
from dovetail.errors import ConfigurationError
from dovetail.operating.groups import check_is_free, check_nobody_runs, claims_of
from dovetail.queue import MessageQueue
from dovetail.status import GroupInfo, GroupStatus

Change = Callable[[MessageQueue], Awaitable[None]]

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("rename", cls=AddressCommand)
@address_argument
@click.argument("old")
@click.argument("new")
@_yes
def rename(address: Address, old: str, new: str, yes: bool) -> None:
    """Call the group OLD from now on NEW: with what waits, what is delayed, its attempts and dead letters.

    Nothing is lost or handled twice. A command changes its owner so: rename the group to the one that is
    to have it, before that one starts. Stop the members of OLD first, and start them as NEW.

    \b
    dovetail group rename nats://localhost:4222 save-handler saver
    """
    check_name(new, "group")
    rows = run(look(address))
    own = claims_of(old, rows)
    check_is_free(new, rows, instead_of=old)
    _refuse_while_running(old, own)
    note(f"The group {old!r} is called {new!r} from now on, with all it has:")
    for row in own:
        note(f"  {row.status.subject}: {_has(row)}")
    _confirm("Rename it?", yes=yes)
    _carry_out(address, lambda queue: queue.rename_group(old, new))
    note(f"Renamed. Start its members as {new!r}; {old!r} would be a new group.")


@click.command("remove", cls=AddressCommand)
@address_argument
@click.argument("name")
@click.option("--subject", help="Only this subject, or pattern, of the group.")
@click.option("--force", is_flag=True, help="Though members run: those that live found it again.")
@_yes
def remove(address: Address, name: str, subject: str | None, force: bool, yes: bool) -> None:
    """Forget the group NAME for good: its progress, its dead letters, and what only it would have got.

    Says what that is, and asks. Events stay for other groups; the history is not kept for this one any
    more. A command has no owner then: what waits is kept for the group that claims it next.

    \b
    dovetail group remove nats://localhost:4222 audit-handler
    dovetail group remove nats://localhost:4222 save-handler --subject events.todo.olditem
    """
    rows = run(look(address))
    own = claims_of(name, rows, subject)
    if not force:
        _refuse_while_running(name, own, "; --force does it all the same")
    note(
        f"The group {name!r} is forgotten, for good:"
        if subject is None
        else f"Of {name!r} is forgotten:"
    )
    for row in own:
        note(f"  {row.status.subject}: {_loses(row, rows)}")
    note(f"  {_last(own)}")
    _confirm("Remove it?", yes=yes)
    _carry_out(address, lambda queue: queue.remove_group(name, subject=subject, force=force))
    note("Removed.")


def _refuse_while_running(name: str, rows: Sequence[GroupInfo], more: str = "") -> None:
    try:
        check_nobody_runs(name, rows)
    except ConfigurationError as error:
        raise Ending(f"dovetail: {error}{more}; nothing was done") from error


def _carry_out(address: Address, change: Change) -> None:
    async def connected() -> None:
        async with address.connected() as queue:
            await change(queue)

    run(connected())


def _has(row: GroupInfo) -> str:
    status = row.status
    waiting = count(status.waiting + status.in_hand, "message")
    return f"{waiting} yet to be handled, {count(status.dead, 'dead letter')}"


def _loses(row: GroupInfo, rows: Sequence[GroupInfo]) -> str:
    """What becomes of what the group has."""
    status = row.status
    waiting = count(status.waiting + status.in_hand, "message")
    letters = f"{count(status.dead, 'dead letter')} discarded" if status.dead else ""
    if status.kind == "command":
        kept = f"the command has no group any more; {waiting} kept for the one that claims it next"
        return ", ".join(filter(None, [kept, letters]))
    discarded = ", ".join(filter(None, [f"{waiting} that it has yet to handle discarded", letters]))
    if others := _others(status, rows):
        return f"{discarded}; not for {', '.join(others)}"
    return f"{discarded}; no other group handles these events, which go when they are too old to be kept"


def _others(status: GroupStatus, rows: Sequence[GroupInfo]) -> list[str]:
    """The groups that get some of the same events."""
    them = [one.status for one in rows if one.status.kind == "event"]
    named = {one.group for one in them if overlap(one.subject, status.subject)}
    return sorted(named - {status.group})


def _last(rows: Sequence[GroupInfo]) -> str:
    if running := max(row.running for row in rows):
        return f"{count(running, 'member')} at work now: what lives creates the group again, and begins anew."
    seen = max((row.seen for row in rows if row.seen), default=None)
    return f"Nobody runs it; last seen {ago(seen)} ago." if seen else "Nobody runs it."


def _confirm(question: str, *, yes: bool) -> None:
    """Ask on stderr; ends the command unless the answer is yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Ending(
            "dovetail: nobody is at a terminal to be asked, nothing was done; --yes does not ask"
        )
    if asked(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Ending("Nothing was done.")
