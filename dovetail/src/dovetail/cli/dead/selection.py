"""Which dead letters a command is about: some by their ids, or those that a filter takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from dovetail.cli.address import Address
from dovetail.cli.dead.filters import is_open, take_filter
from dovetail.cli.progress import said_if_slow
from dovetail.dead_letter import Wanted


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant."""

    address: Address
    ids: tuple[str, ...]
    wanted: Wanted
    every: bool
    #: Do not ask.
    yes: bool

    async def count(self) -> Mapping[str, int]:
        """How many there are of those that the filter takes, by group."""
        async with self.address.connected() as queue:
            with said_if_slow("Counting the dead letters…"):
                return await queue.dead_letters.count(**self.wanted)


def selected(given: dict[str, Any]) -> Selection:
    """What the command line says; UsageError unless it names ids, or a filter, or says --all."""
    wanted = take_filter(given)
    by_filter = given["every"] or not is_open(wanted)
    ids = given["ids"] = tuple(dict.fromkeys(given["ids"]))
    context = click.get_current_context()
    if ids and by_filter:
        raise click.UsageError("name ids, or a filter, not both", context)
    if not ids and not by_filter:
        raise click.UsageError("name ids, or a filter such as --group; --all means all", context)
    return Selection(wanted={"ids": ids} if ids else wanted, **given)
