"""Queries for items, and what they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from todo.items import Item
from todo.merge import Value

Status: TypeAlias = Literal["all", "active", "done"]
#: A field, ascending, or with "-" descending. "added" is the order of ids. Items that are not due are last
#: either way.
Sort: TypeAlias = Literal[
    "added", "-added", "position", "-position", "due", "-due", "item", "-item"
]


class InvalidCursor(ValueError):
    """This is no cursor that a page in this order has given."""


@dataclass(frozen=True)
class Query:
    """What to read; as it is, everything, in the order of adding."""

    status: Status = "all"
    #: Each of these words is in the text, the tags or the notes, whatever its case; one with # begins a tag.
    q: str = ""
    #: One that the item has, whatever its case.
    tag: str = ""
    #: A date: only active ones that are due until the end of that day.
    due_until: str = ""
    #: A date: without exactly those.
    no_due_until: str = ""
    sort: Sort = "added"


@dataclass(frozen=True)
class Page:
    """Some of the items of a query, in its order."""

    items: list[Item]
    #: What to give as `after` for those that follow; None where there are none.
    next: str | None = None


@dataclass(frozen=True)
class KeptAndRemoved:
    """Of some ids, the items that there are, and those that were removed, as they would be if restored."""

    kept: Sequence[Item] = ()
    removed: Sequence[Item] = ()


@dataclass(frozen=True)
class Counts:
    """How many items there are."""

    active: int = 0
    done: int = 0
    #: Of the active ones, those that are due until the day that was asked for.
    due: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.active + self.done


@dataclass(frozen=True)
class Past:
    """One change of an item, for people who look what became of it."""

    #: Its id; "" for the adding.
    change: str
    at: datetime
    #: item, done, due, tags, notes, position, removed, or added.
    field: str
    #: What the field was set to; the text that it had, for "added".
    value: Value
    #: The version that its author had before them.
    seen: str = ""
    #: The item shows it.
    current: bool = False
    #: A later one replaced it, whose author had not seen it.
    superseded: bool = False


@dataclass(frozen=True)
class Added:
    """What became of items that were to be added."""

    #: As the database has each of them now, in their order; None for one that has been removed already.
    items: list[Item | None]
    #: Those that lost their id to another item: it has neither their text nor their date.
    lost: list[Item]
