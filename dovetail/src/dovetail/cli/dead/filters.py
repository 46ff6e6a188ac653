"""Which dead letters are meant: the options that select them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import click

from dovetail.dead_letter import LetterFilter, Wanted
from dovetail.limits import MOST_LISTED

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAMES = ("group", "subject", "reason", "before", "older_than", "most")


def _span(ctx: click.Context, option: click.Parameter, value: str | None) -> timedelta | None:
    """A length of time: 90s, 30m, 2h, 7d, 1w."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([smhdw])", value)
    if not found:
        says = f"{value!r} is no length of time; write 90s, 30m, 2h, 7d or 1w."
        raise click.BadParameter(says, ctx, option)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _moment(ctx: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    """A moment as in ISO 8601, local where it names no offset; in UTC."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        says = f"{value!r} is no time; write 2030-01-31, or '2030-01-31 18:00'."
        raise click.BadParameter(says, ctx, option) from error


def filter_options(most: int | None = None) -> Callable[[Decorated], Decorated]:
    """The options that select dead letters; `most` unless the user says otherwise, None for all."""
    options = (
        click.option("--group", metavar="NAME", help="Of this group."),
        click.option(
            "--subject", metavar="PATTERN", help="With this subject; * and > are wildcards."
        ),
        click.option(
            "--reason", metavar="TEXT", help="With this text in the reason, whatever its case."
        ),
        click.option(
            "--before",
            callback=_moment,
            metavar="TIME",
            help="Given up before this local time: '2030-01-31 18:00'.",
        ),
        click.option(
            "--older-than", callback=_span, metavar="SPAN", help="Given up longer ago: 30m, 2h, 7d."
        ),
        click.option(
            "--most",
            type=click.IntRange(1, MOST_LISTED),
            default=most,
            show_default=most is not None,
            metavar="N",
            help="N at most, the newest first.",
        ),
    )

    def decorate(function: Decorated) -> Decorated:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def take_filter(given: dict[str, Any]) -> Wanted:
    """Take what those options gave out of a command's arguments."""
    fields = {name: given.pop(name) for name in _NAMES}
    if (older_than := fields.pop("older_than")) is not None:
        limit = datetime.now(UTC) - older_than
        fields["before"] = min(fields["before"] or limit, limit)
    wanted = cast(Wanted, {name: value for name, value in fields.items() if value is not None})
    LetterFilter.of(wanted)  # what cannot be meant is refused before anything is asked
    return wanted


def is_open(wanted: Wanted) -> bool:
    """Whether it selects all dead letters."""
    return not wanted.keys() - {"most"}
