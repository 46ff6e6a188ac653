"""Our Markdown: a list with boxes, as many programs show it and people write it.

    - [ ] Buy milk (due 2026-12-03) #shop
        and bread

Ids, dates of adding and places are not in it.
"""

from __future__ import annotations

import re

from todo.files.drafts import Contents, Draft
from todo.items import Item

_BULLET = re.compile(
    r"(?P<indent>[ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[(?P<box>[ xX])\][ \t]+)?(?P<text>.*)"
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_DUE = re.compile(r"\s\(due (?P<due>[^\s()]+)\)$")
_TAG = re.compile(r"\s#(?P<tag>(?:[^\s\\#]|\\.)+)$")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
#: What has a meaning in Markdown, and what would be taken for a tag or a date here.
_SPECIAL = re.compile(r"([\\`*_\[\]<>#(])")
#: What begins something else than text at the beginning of a line of notes.
_BEGINS = re.compile(r"(?P<spaces>\s*)(?P<sign>[-+*#>]|\d+[.)])")
_INDENT = "    "
HEADER = "# To-do list\n\n"


def entry(item: Item) -> str:
    """One item, with its notes."""
    box = "x" if item.done else " "
    due = f" (due {item.due})" if item.due else ""
    tags = "".join(f" #{_escaped(tag)}" for tag in item.tags)
    text = _escaped(_LINE_END.sub(" ", item.item))
    notes = "".join(
        f"{_INDENT}{_note(line)}\n" for line in _LINE_END.split(item.notes) if item.notes
    )
    return f"- [{box}] {text}{due}{tags}\n{notes}"


def read(text: str) -> Contents:
    """What such a file holds; lines that belong to no item are left out."""
    drafts: list[Draft] = []
    notes: list[str] = []
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if (bullet := _BULLET.fullmatch(line)) and (bullet["box"] or not bullet["indent"]):
            _end(drafts, notes)
            drafts.append(_draft(f"Line {number}", bullet["text"], bullet["box"] or " "))
        elif drafts and (line.startswith((_INDENT, "\t", "  ")) or not line.strip()):
            notes.append(_plain(line.removeprefix(_INDENT)))
        else:
            _end(drafts, notes)
    _end(drafts, notes)
    return Contents(drafts)


def _end(drafts: list[Draft], notes: list[str]) -> None:
    """What was read below the last item are its notes."""
    if drafts and not drafts[-1].notes:
        drafts[-1].notes = "\n".join(notes).strip("\n")
    notes.clear()


def _draft(place: str, text: str, box: str) -> Draft:
    tags: list[str] = []
    while found := _TAG.search(text):
        tags.insert(0, _plain(found["tag"]))
        text = text[: found.start()]
    due = _DUE.search(text)
    if due:
        text = text[: due.start()]
    return Draft(place, _plain(text), done=box != " ", due=due["due"] if due else None, tags=tags)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _note(line: str) -> str:
    escaped = line.replace("\\", "\\\\")
    return _BEGINS.sub(_mark, escaped, count=1) if _BEGINS.match(escaped) else escaped


def _mark(found: re.Match[str]) -> str:
    sign = found["sign"]
    return f"{found['spaces']}{sign[:-1]}\\{sign[-1]}"


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
