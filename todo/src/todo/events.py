"""Every message of the application. Components know nothing else of each other."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from dovetail import Command, Event, Request
from todo.items import MAX_ID_LENGTH, Item


class NewItem(Event, frozen=True, subject="events.todo.newitem"):
    """Someone added an item; nothing has saved it yet."""

    item: Item


class ItemSaved(Event, frozen=True, subject="events.todo.itemsaved"):
    """The database has the item, since `item.date_saved`."""

    item: Item


class ItemAmended(Event, frozen=True, subject="events.todo.itemamended"):
    """The text of a saved item was changed by a rule; `change` orders this among the changes of the text."""

    item: Item
    change: str = ""


Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_LENGTH)]


class Change(Event, frozen=True, kw_only=True):
    """What somebody changed in one field of one item.

    `change` is a UUIDv7, and the message's id: of two changes of a field the later one wins, in whatever
    order they come. `seen` is the `version` of the item that its author had before them.
    """

    id: Id
    change: Id
    seen: str = ""


class ItemCompleted(Change, frozen=True, kw_only=True, subject="events.todo.item.completed"):
    """It is done."""


class ItemReopened(Change, frozen=True, kw_only=True, subject="events.todo.item.reopened"):
    """It is not done after all."""


class ItemEdited(Change, frozen=True, kw_only=True, subject="events.todo.item.edited"):
    """It has another text."""

    item: str


class ItemDue(Change, frozen=True, kw_only=True, subject="events.todo.item.due"):
    """It is due on another day, at another time, or, with None, whenever."""

    due: str | None


class ItemTagged(Change, frozen=True, kw_only=True, subject="events.todo.item.tagged"):
    """It has these tags and no others."""

    tags: tuple[str, ...]


class ItemNoted(Change, frozen=True, kw_only=True, subject="events.todo.item.noted"):
    """It has other notes."""

    notes: str


class ItemMoved(Change, frozen=True, kw_only=True, subject="events.todo.item.moved"):
    """It has another place in the list."""

    position: str


class ItemRemoved(Change, frozen=True, kw_only=True, subject="events.todo.item.removed"):
    """It is gone, until it is restored."""


class ItemRestored(Change, frozen=True, kw_only=True, subject="events.todo.item.restored"):
    """It is back, with everything it had."""


#: Every kind of change, by its subject.
CHANGES: dict[str, type[Change]] = {
    kind.__subject__: kind
    for kind in (
        ItemCompleted,
        ItemReopened,
        ItemEdited,
        ItemDue,
        ItemTagged,
        ItemNoted,
        ItemMoved,
        ItemRemoved,
        ItemRestored,
    )
}
#: All of them, as one subject.
ANY_CHANGE = "events.todo.item.*"


class ChangeSaved(Event, frozen=True, subject="events.todo.changesaved"):
    """The database has these changes of one item, which is now like this: None where it is not there.

    That is because it was removed, or, where they are `early`, has yet to come. `superseded` are
    those of a text that a later one, made without seeing them, has replaced.
    """

    id: str
    changes: tuple[str, ...]
    item: Item | None = None
    superseded: tuple[str, ...] = ()
    early: bool = False


class ImportItems(Command, frozen=True, subject="commands.todo.import"):
    """Add all of these texts as items."""

    texts: list[str]


class ImportPart(Command, frozen=True, subject="commands.todo.importpart"):
    """Add these items of a file, those that were removed as well; those that are there stay as they are.

    `change` is a UUIDv7 of the moment when the import was accepted.
    """

    items: tuple[Item, ...]
    change: Id


class CountItems(Request[int], frozen=True, subject="requests.todo.count"):
    """How many items does the database have?"""


class Presence(msgspec.Struct, frozen=True):
    """One running component."""

    component: str
    host: str
    pid: int
    # Older releases do not say what follows.
    release: str | None = None
    #: Seconds since it was started.
    uptime: float | None = None
    #: Messages since then, and attempts that failed.
    handled: int | None = None
    failed: int | None = None


class WhoIsThere(Request[Presence], frozen=True, subject="requests.todo.whoisthere"):
    """Every running component answers."""


class Found(msgspec.Struct, frozen=True):
    """What a search has found."""

    #: Of items, the best first; None where there is no letter or digit to look for.
    ids: list[str] | None
    #: Every item was looked at: the index is filled.
    complete: bool


class SearchItems(Request[Found], frozen=True, subject="requests.todo.search"):
    """Which items have all of these words, or words that begin like them?"""

    q: str
    most: int


class CalendarPart(msgspec.Struct, frozen=True):
    """A part of the calendar, as iCalendar has it; the parts one after another are the whole."""

    text: str
    #: What to ask for next, empty at the end.
    next: str


class ReadCalendar(Request[CalendarPart], frozen=True, subject="requests.todo.calendar"):
    """The calendar of what is due, from its beginning or from behind a part."""

    after: str = ""
