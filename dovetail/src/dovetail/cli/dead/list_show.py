"""`dovetail dead list` and `dovetail dead show`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from dovetail.cli.address import Address, AddressCommand, address_argument
from dovetail.cli.dead.filters import filter_options, is_open, take_filter
from dovetail.cli.loop import run
from dovetail.cli.output import (
    as_json,
    bytes_as_json,
    count,
    date_and_time,
    line,
    note,
    one_line,
    pretty,
)
from dovetail.cli.progress import said_if_slow
from dovetail.codec.envelope import received
from dovetail.dead_letter import DeadLetter, Wanted


@click.command("list", cls=AddressCommand)
@address_argument
@filter_options(most=50)
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object for each.")
def list_letters(address: Address, in_json: bool, **given: Any) -> None:
    """List dead letters, newest first."""
    wanted = take_filter(given)
    letters, more = run(_list(address, wanted))
    if in_json:
        for letter in letters:
            line(as_json(_fields(letter)))
    elif letters:
        _show_table(letters)
    else:
        note("No dead letters." if is_open(wanted) else "No dead letter matches.")
    if more:
        note(f"… and {more:,} more: --most N shows N.")


async def _list(address: Address, wanted: Wanted) -> tuple[Sequence[DeadLetter], int]:
    """Some, and how many more there are."""
    async with address.connected() as queue:
        with said_if_slow("Reading the dead letters…"):
            letters = await queue.dead_letters.list(**wanted)
            if len(letters) < (wanted["most"] or 0):
                return letters, 0
            counts = await queue.dead_letters.count(**wanted)
            return letters, max(0, sum(counts.values()) - len(letters))


def _show_table(letters: Sequence[DeadLetter]) -> None:
    # rich takes longer to import than everything else here
    from dovetail.cli.tables import Column, show_table_with_text  # noqa: PLC0415

    columns = [Column("Id"), Column("Given up"), Column("Group"), Column("Subject", flexible=True)]
    columns += [Column("Attempts", number=True), Column("Reason", flexible=True)]
    show_table_with_text(columns, [_row(letter) for letter in letters])


def _row(letter: DeadLetter) -> list[str]:
    reason = one_line(letter.reason)
    return [
        letter.id,
        date_and_time(letter.died_at),
        letter.group,
        letter.subject,
        str(letter.attempts),
        reason,
    ]


@click.command("show", cls=AddressCommand)
@address_argument
@click.argument("id")
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--body",
    "only_body",
    is_flag=True,
    help="Print the message's bytes alone; as they are, other than on a terminal.",
)
def show_letter(address: Address, id: str, in_json: bool, only_body: bool) -> None:
    """Show everything about one dead letter.

    To mend a message by hand:

    \b
    dovetail dead show URL 17 --body > message.json
    dovetail dead replay URL 17 --file message.json
    """
    letter = run(_get(address, id))
    if only_body and not sys.stdout.isatty():
        sys.stdout.buffer.write(letter.body)
    elif only_body:  # bytes of anybody's would steer the terminal
        line(*letter.body.decode(errors="backslashreplace").split("\n"))
    elif in_json:
        line(as_json(_fields(letter)))
    else:
        _describe(letter)


async def _get(address: Address, id: str) -> DeadLetter:
    async with address.connected() as queue:
        return await queue.dead_letters.get(id)


def _describe(letter: DeadLetter) -> None:
    facts = {
        "Id": letter.id,
        "Group": letter.group,
        "Subject": letter.subject,
        "Kind": letter.kind,
        "Message id": letter.message_id or "none: the bytes are no CloudEvent",
        "Published": date_and_time(letter.published_at),
        "Given up": f"{date_and_time(letter.died_at)} after {count(letter.attempts, 'attempt')}",
        "Reason": one_line(letter.reason),
    }
    if letter.claimed != letter.subject:
        facts["Handler of"] = letter.claimed
    for name, value in facts.items():
        line(f"{name:<11} {value}")
    for name, value in (letter.headers or {}).items():
        line(f"{'Header':<11} {name}: {value}")
    if letter.traceback:
        line("", "Traceback")
        line(*(f"  {row}".rstrip() for row in letter.traceback.rstrip().split("\n")))
    line("", f"Body, {count(len(letter.body), 'byte')}")
    line(*(f"  {row}" for row in _body(letter)))


def _body(letter: DeadLetter) -> list[str]:
    try:
        return pretty(msgspec.json.decode(letter.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return pretty(letter.body)


def _fields(letter: DeadLetter) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.structs.asdict(letter)
    body = fields.pop("body")
    message = received(letter.subject, body, letter.headers)
    if not isinstance(message.data, bytes):
        fields["data"] = message.data
    return fields | bytes_as_json("body", body)
