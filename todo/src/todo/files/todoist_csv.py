"""The CSV of Todoist: its tasks and their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from todo.fields import MAX_TAG_LENGTH, MAX_TAGS
from todo.files.csv_rows import table
from todo.files.drafts import Contents, Draft
from todo.quick_add import Parser

#: By these columns such a file is known.
COLUMNS = {"TYPE", "CONTENT"}
_LABEL = re.compile(r"(?:^|(?<=\s))@(\S+)")
#: The usual priority, of which nothing is said.
_USUAL = ("", "4")
#: Stands before a date, so that there is something it belongs to.
_SOMETHING = "x "


def read(text: str, reader: Parser) -> Contents:
    """What such a file holds: labels, sections and priorities as tags, comments as notes.

    Dates in words count from now on. One that is not understood, such as "every day", goes to the notes.
    """
    _, rows = table(text)
    drafts: list[Draft] = []
    section = ""
    for line, cells in rows:
        kind, content = cells.get("TYPE", "").strip().lower(), cells.get("CONTENT", "").strip()
        if kind == "section":
            section = content
        elif kind == "note" and drafts and content:
            _note(drafts[-1], content)
        elif kind == "task" and content:
            drafts.append(_draft(f"Line {line}", content, cells, section, reader))
    return Contents(drafts)


def _draft(
    place: str, content: str, cells: Mapping[str, str], section: str, reader: Parser
) -> Draft:
    labels = _LABEL.findall(content)
    text = " ".join(_LABEL.sub("", content).split()) or content
    priority = cells.get("PRIORITY", "").strip()
    tags = [*labels, section, "" if priority in _USUAL else f"p{priority}"]
    draft = Draft(place, text, tags=_tags(tags), notes=cells.get("DESCRIPTION", ""), shorten=True)
    if date := cells.get("DATE", "").strip():
        draft.due = reader.read(f"{_SOMETHING}{date}", _now(cells), tags=False).due
        if draft.due is None:
            _note(draft, date)
    return draft


def _now(cells: Mapping[str, str]) -> datetime:
    try:
        zone = ZoneInfo(cells.get("TIMEZONE", "").strip() or "UTC")
    except (KeyError, OSError, ValueError):
        return datetime.now(UTC)
    return datetime.now(zone)


def _tags(words: list[str]) -> list[str]:
    """As tags are written here: one word, without signs that part them."""
    tags = ["-".join(re.split(r"[\s,\x00-\x1f\x7f-\x9f]+", word)).strip("-#") for word in words]
    return [tag[:MAX_TAG_LENGTH] for tag in dict.fromkeys(tags) if tag][:MAX_TAGS]


def _note(draft: Draft, text: str) -> None:
    draft.notes = f"{draft.notes}\n{text}".strip("\n")
