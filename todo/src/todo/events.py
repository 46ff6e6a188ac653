"""Every message of the application, and so all that its components know of each other."""

from __future__ import annotations

import msgspec

from dovetail import Command, Event, Request
from todo.items import Item


class NewItem(Event, frozen=True, subject="events.todo.newitem"):
    """Someone added an item; nothing has saved it yet."""

    item: Item


class ItemSaved(Event, frozen=True, subject="events.todo.itemsaved"):
    """The database has the item."""

    item: Item


class ItemAmended(Event, frozen=True, subject="events.todo.itemamended"):
    """The text of a saved item was changed."""

    item: Item


class ImportItems(Command, frozen=True, subject="commands.todo.import"):
    """Add all of these texts as items."""

    texts: list[str]


class CountItems(Request[int], frozen=True, subject="requests.todo.count"):
    """How many items does the database have?"""


class Presence(msgspec.Struct, frozen=True):
    """One running component."""

    component: str
    host: str
    pid: int


class WhoIsThere(Request[Presence], frozen=True, subject="requests.todo.whoisthere"):
    """Every running component answers."""
