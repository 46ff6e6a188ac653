"""Which dead letters a command is about: some by their ids, or those that a filter takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import msgspec

from dovetail.cli.address import Address
from dovetail.cli.dead.filters import is_open, take_filter
from dovetail.cli.progress import said_if_slow
from dovetail.errors import DeadLetterNotFound
from dovetail.letters import DeadLetter, LetterFilter

#: Dead letters that one command takes at most, unless the user says otherwise.
MOST = 10_000


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant."""

    address: Address
    ids: Sequence[str]
    wanted: LetterFilter
    every: bool
    #: Do not ask.
    yes: bool

    async def find(self) -> tuple[Sequence[DeadLetter], list[str]]:
        """Those that there are, and the ids that none has."""
        async with self.address.connected() as queue:
            with said_if_slow("Reading the dead letters…"):
                if not self.ids:
                    return await queue.dead_letters.list(**msgspec.structs.asdict(self.wanted)), []
                found: list[DeadLetter] = []
                missing: list[str] = []
                for one in dict.fromkeys(self.ids):
                    try:
                        found.append(await queue.dead_letters.get(one))
                    except DeadLetterNotFound:
                        missing.append(one)
                return found, missing


def selected(given: dict[str, Any]) -> Selection:
    """What the command line says; UsageError unless it names ids, or a filter, or says --all."""
    made = Selection(wanted=take_filter(given), **given)
    context = click.get_current_context()
    by_filter = made.every or not is_open(made.wanted)
    if made.ids and by_filter:
        raise click.UsageError("name ids, or a filter, not both", context)
    if not made.ids and not by_filter:
        raise click.UsageError("name ids, or a filter such as --group; --all means all", context)
    return made
