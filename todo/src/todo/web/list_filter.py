"""Filters and sorts items in Python, for those that are not saved yet or are about to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from todo.items import Item
from todo.positions import position_of
from todo.waiting_changes import ShownItem
from todo.web.list_query import ListQuery

_KEYS: dict[str, tuple[Callable[[Item], Any], bool]] = {
    "-position": (lambda item: (position_of(item), item.id), True),
    "due": (lambda item: (item.due is None, item.due or "", item.id), False),
    "-added": (lambda item: item.id, True),
    "item": (lambda item: (item.item.lower(), item.id), False),
}


def matches(item: Item, asked: ListQuery) -> bool:
    """Whether the database would find it."""
    if asked.status != "all" and item.done != (asked.status == "done"):
        return False
    if asked.tag and asked.tag.casefold() not in (tag.casefold() for tag in item.tags):
        return False
    text = " ".join((item.item, *(f"#{tag}" for tag in item.tags), item.notes)).casefold()
    return all(word in text for word in asked.q.casefold().split())


@dataclass(frozen=True)
class Day:
    """A viewer's day; `zone` is None where only this machine's is known."""

    #: As an item has it.
    date: str
    zone: tzinfo | None = None
    #: A time with the offset of another zone counts as what it is in this one, too.
    by_moment: bool = True

    def is_now(self, item: Item) -> bool:
        """Whether it is to be done, and due until the end of this day."""
        if item.done or not item.due:
            return False
        written = item.due[: len(self.date)]
        return written <= self.date or (self.by_moment and self._day_of(item.due) <= self.date)

    def _day_of(self, due: str) -> str:
        if len(due) <= len(self.date):
            return due
        try:
            return datetime.fromisoformat(due).astimezone(self.zone).date().isoformat()
        except (ValueError, OverflowError):  # no such moment, or none in this zone
            return due


def sorted_as(sort: str, shown: Iterable[ShownItem]) -> list[ShownItem]:
    """In the database's order."""
    key, reverse = _KEYS[sort]
    return sorted(shown, key=lambda one: key(one.item), reverse=reverse)


def comes_before(sort: str, one: Item, other: Item) -> bool:
    """Whether it stands ahead of the other one."""
    key, reverse = _KEYS[sort]
    return bool(key(one) > key(other) if reverse else key(one) < key(other))
