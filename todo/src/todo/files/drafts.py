"""The content of a file on its way to become items."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from todo.fields import MAX_NOTES_LENGTH
from todo.items import MAX_LENGTH, InvalidItem, Item, derived_id
from todo.positions import added_position
from todo.validation import validated_item

#: Items of one file.
MOST_ITEMS = 50_000
#: Mistakes of a file that are told; of more it is said how many there are.
_MOST_TOLD = 10


class WrongFile(ValueError):
    """Nothing of this file can be imported; each line says why, for the person who chose it."""

    def __init__(self, *lines: str) -> None:
        super().__init__(" ".join(lines))
        self.lines = lines


@dataclass
class Draft:
    """One item of a file, not checked yet."""

    #: Where it stands, for people: "Row 5".
    place: str
    text: object
    id: object = ""
    done: bool = False
    due: Any = None
    tags: Any = ()
    notes: object = ""
    position: object = ""
    date_added: datetime | None = None
    #: What is wrong with it already.
    error: str = ""
    #: Its text may be longer than an item's: then all of it stands in the notes.
    shorten: bool = False


@dataclass
class Contents:
    """All that a file holds, from the top of the list to its end."""

    drafts: list[Draft] = field(default_factory=list)

    def items(self, cause: str) -> list[Item]:
        """The items; those without an id get one from the cause, a UUIDv7: always the same.

        Raises WrongFile, with a line for each that cannot be an item.
        """
        if not self.drafts:
            raise WrongFile("There is no item in this file.")
        if len(self.drafts) > MOST_ITEMS:
            raise WrongFile(
                f"There are {len(self.drafts)} items in this file; {MOST_ITEMS} is the most."
            )
        items, wrong = _checked(self.drafts, cause)
        if wrong:
            more = len(wrong) - _MOST_TOLD
            lines = wrong[:_MOST_TOLD] + ([f"And {more} more."] if more > 0 else [])
            raise WrongFile("Nothing was imported.", *lines)
        return items


def _checked(drafts: Sequence[Draft], cause: str) -> tuple[list[Item], list[str]]:
    moment = uuid.UUID(cause).int >> 80
    added = datetime.fromtimestamp(moment / 1000, UTC)
    items: list[Item] = []
    wrong: list[str] = []
    known: dict[str, str] = {}
    for index, draft in enumerate(drafts):
        # The newest stands on top of the list, and so the file's first is to be the newest.
        new_id = derived_id(moment, len(drafts) - 1 - index, cause)
        try:
            item = _item(draft, new_id, added)
        except InvalidItem as error:
            wrong.append(f"{draft.place}: {error}")
            continue
        if item.id in known:
            wrong.append(f"{draft.place}: its id is that of {known[item.id]}.")
        known[item.id] = draft.place[:1].lower() + draft.place[1:]
        items.append(item)
    return items, wrong


def _item(draft: Draft, new_id: str, added: datetime) -> Item:
    if draft.error:
        raise InvalidItem(draft.error)
    for name in ("text", "id", "notes", "position"):
        if not isinstance(getattr(draft, name), str):
            raise InvalidItem(f"Its {'item' if name == 'text' else name} is no text.")
    text, notes = str(draft.text), str(draft.notes)
    if draft.shorten and len(text.strip()) > MAX_LENGTH:
        notes = f"{text.strip()}\n\n{notes}".rstrip()[:MAX_NOTES_LENGTH]
        text = f"{text.strip()[: MAX_LENGTH - 1]}…"
    item = Item(
        str(draft.id).strip() or new_id,
        text,
        draft.date_added or added,
        done=draft.done,
        due=draft.due or None,
        tags=draft.tags or (),
        notes=notes,
        position=str(draft.position),
    )
    item = validated_item(item)
    if item.position == added_position(item.id, item.date_added):
        return Item(item.id, item.item, item.date_added, item.done, item.due, item.tags, item.notes)
    return item


def moment(text: object) -> datetime | None:
    """A date of a file, which is in UTC where it does not say; None where there is none.

    Raises ValueError.
    """
    if text is None or text == "":
        return None
    found = datetime.fromisoformat(text.strip() if isinstance(text, str) else "")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
