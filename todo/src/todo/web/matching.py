"""The query of an address, for items that are not saved yet or are about to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from todo.items import Item
from todo.positions import position_of
from todo.serving.waiting import Shown
from todo.web.asked import Asked

_KEYS: dict[str, tuple[Callable[[Item], Any], bool]] = {
    "-position": (lambda item: (position_of(item), item.id), True),
    "due": (lambda item: (item.due is None, item.due or "", item.id), False),
    "-added": (lambda item: item.id, True),
    "item": (lambda item: (item.item.lower(), item.id), False),
}


def matches(item: Item, asked: Asked) -> bool:
    """Whether the database would find it."""
    if asked.status != "all" and item.done != (asked.status == "done"):
        return False
    if asked.tag and asked.tag.casefold() not in (tag.casefold() for tag in item.tags):
        return False
    text = " ".join((item.item, *(f"#{tag}" for tag in item.tags), item.notes)).casefold()
    return all(word in text for word in asked.q.casefold().split())


def is_now(item: Item, today: str) -> bool:
    """Whether it is to be done, and due until the end of this day."""
    return not item.done and bool(item.due) and (item.due or "")[: len(today)] <= today


def sorted_as(sort: str, shown: Iterable[Shown]) -> list[Shown]:
    """In the database's order."""
    key, reverse = _KEYS[sort]
    return sorted(shown, key=lambda one: key(one.item), reverse=reverse)


def comes_before(sort: str, one: Item, other: Item) -> bool:
    """Whether it stands ahead of the other one."""
    key, reverse = _KEYS[sort]
    return bool(key(one) > key(other) if reverse else key(one) < key(other))
