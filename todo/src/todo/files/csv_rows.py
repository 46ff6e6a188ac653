"""The CSV format of exports: one row for each item, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from todo.files.drafts import Contents, Draft, WrongFile, moment
from todo.items import Item
from todo.positions import position_of

COLUMNS = ("id", "item", "done", "due", "tags", "notes", "position", "date_added", "date_saved")
#: A spreadsheet takes what begins like this for a formula, and does what it says.
_FORMULA = tuple("=+-@\t\r")
#: What a cell without a column is called.
SURPLUS = "\0"
_TOO_MANY = "There are more cells than columns: a text with a comma in it needs quotes around it."
_DELIMITERS = (",", ";", "\t")
_YES, _NO = {"true", "yes", "1", "x"}, {"false", "no", "0", ""}


def header() -> str:
    """The first row, with the mark by which spreadsheets know UTF-8."""
    return "\ufeff" + _line(COLUMNS)


def row(item: Item) -> str:
    """One item."""
    saved = item.date_saved
    return _line(
        [
            item.id,
            item.item,
            "true" if item.done else "false",
            item.due or "",
            " ".join(item.tags),
            item.notes,
            position_of(item),
            item.date_added.isoformat(),
            saved.isoformat() if saved else "",
        ]
    )


def table(text: str) -> tuple[list[str], Iterable[tuple[int, Mapping[str, str]]]]:
    """The names of the columns, and the rows with the numbers of their lines; WrongFile.

    What stands behind the last column that has a name is named SURPLUS.
    """
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    # Strict: where a quote is never closed, the rest of the file is not the text of one item.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise WrongFile(f"This is no CSV: line {reader.line_num}: {error}.") from error
    return names, ((line, _named(names, cells)) for line, cells in rows)


def _named(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    surplus = "".join(cells[len(names) :]).strip()
    return dict(zip(names, cells, strict=False)) | ({SURPLUS: surplus} if surplus else {})


def read(text: str) -> Contents:
    """What such a file holds. Only the column `item` must be there."""
    names, rows = table(text)
    if doubled := {name for name in names if name and names.count(name) > 1}:
        raise WrongFile(f"There are two columns {', '.join(sorted(doubled))}.")
    return Contents([_draft(f"Line {line}", cells) for line, cells in rows])


def _draft(place: str, cells: Mapping[str, str]) -> Draft:
    values = {name: _plain(cell) for name, cell in cells.items()}
    draft = Draft(
        place,
        values.get("item", ""),
        id=values.get("id", ""),
        due=values.get("due", ""),
        tags=values.get("tags", "").split(),
        notes=values.get("notes", ""),
        position=values.get("position", ""),
    )
    done = values.get("done", "").strip().lower()
    draft.done = done in _YES
    if done not in _YES | _NO:
        draft.error = f"done is {done!r}, neither true nor false."
    try:
        draft.date_added = moment(values.get("date_added"))
    except ValueError:
        draft.error = f"date_added is {values['date_added']!r}, which is no date."
    if SURPLUS in cells:
        draft.error = _TOO_MANY
    return draft


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_safe(cell) for cell in cells])
    return line.getvalue()


def _safe(cell: str) -> str:
    """An apostrophe before what would be a formula, and before such an apostrophe."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA):
        return cell[1:]
    return cell
