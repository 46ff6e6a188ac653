"""Tables: as wide as the terminal, or as wide as they need where nobody's terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dovetail.cli.output import line, printable

#: Columns for a table in a file or a pipe: more than any has.
_UNBOUNDED = 10_000


@dataclass(frozen=True)
class Column:
    """A column's heading; numbers stand at the right, and `flexible` ones are cut to fit."""

    heading: str
    number: bool = False
    flexible: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    """A table of plain text."""
    made = Table(
        box=box.SIMPLE_HEAD if Console().is_terminal else None, pad_edge=False, show_edge=False
    )
    for column in columns:
        made.add_column(
            column.heading,
            justify="right" if column.number else "left",
            # only these are made narrower where the terminal is
            no_wrap=not column.flexible,
        )
    for row in rows:
        made.add_row(*(Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    return made


def show(*parts: RenderableType) -> None:
    """Print them, without trailing blanks."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNBOUNDED
    with console.capture() as captured:
        console.print(Group(*parts))
    line("\n".join(row.rstrip() for row in captured.get().rstrip("\n").split("\n")))
