"""Tables: as wide as the terminal, or as wide as they need where nobody's terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dovetail.cli.output import drawn, line
from dovetail.codec.escaping import printable

#: Columns for a table in a file or a pipe: more than any has.
_UNBOUNDED = 10_000
#: On a terminal with fewer columns, what says most about a row gets a line of its own.
_WIDE = 120


@dataclass(frozen=True)
class Column:
    """A column's heading; numbers stand at the right, and `flexible` ones are cut to fit."""

    heading: str
    number: bool = False
    flexible: bool = False


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, one line for each row."""
    drawn(*_lines(_console(), columns, rows))


def show_table_with_text(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """The same where the last column is a text that may be long; below its row on a narrow terminal."""
    console = _console()
    if console.width >= _WIDE:
        show_table(columns, rows)
        return
    lines = _lines(console, columns[:-1], [row[:-1] for row in rows])
    head = len(lines) - len(rows)
    drawn(*lines[:head])
    for row, (*_, text) in zip(lines[head:], rows, strict=True):
        drawn(row)
        line(f"    {_cut(printable(text), console.width - 4)}")


def _console() -> Console:
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNBOUNDED
    return console


def _lines(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, show_edge=False
    )
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.number else "left",
            # only these are made narrower where the terminal is
            no_wrap=not column.flexible,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    with console.capture() as captured:
        console.print(table)
    return [row.rstrip() for row in captured.get().rstrip("\n").split("\n")]


def _cut(text: str, width: int) -> str:
    """The text in so many columns of a terminal at most; wide characters take two."""
    fitted = set_cell_size(text, width)
    return text if fitted.startswith(text) else f"{set_cell_size(text, width - 1).rstrip()}…"
