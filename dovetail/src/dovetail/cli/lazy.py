"""A group of commands, each imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import click

from dovetail.cli.exit_status import Ending
from dovetail.cli.output import note


@dataclass(frozen=True)
class Lazy:
    """Where a command is, and what it does, in one line for the list of commands."""

    module: str
    attribute: str
    says: str


class LazyGroup(click.Group):
    """Its help lists the commands without importing any."""

    def __init__(self, *, lazy: Mapping[str, Lazy], **settings: Any) -> None:
        super().__init__(**settings)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return [*self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from its own module."""
        if cmd_name not in self.lazy:
            return None
        place = self.lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(place.module), place.attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without arguments, show the help."""
        if not args and not ctx.resilient_parsing:
            note(*ctx.get_help().split("\n"))
            raise Ending("", 2)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was named; UsageError offers the one that was probably meant."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            close = get_close_matches(name, self.lazy, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self.lazy)}"
            ctx.fail(f"no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.says) for name, place in self.lazy.items()])
