"""The JSON format of exports: every field of an item, as the API shows it."""

from __future__ import annotations

from typing import Any

import msgspec

from todo.files.drafts import Contents, Draft, WrongFile, moment
from todo.items import Item
from todo.positions import position_of

#: What an item can have: all that `member` writes, and the state that the API adds.
_MEMBERS = frozenset({
    "id", "item", "done", "due", "tags", "notes", "position", "date_added", "date_saved", "status",
})  # fmt: skip
HEADER, FOOTER = '{"items": [\n', "\n]}\n"


def member(item: Item) -> str:
    """One item, without what stands between two."""
    saved = item.date_saved
    content = {
        "id": item.id,
        "item": item.item,
        "done": item.done,
        "due": item.due,
        "tags": item.tags,
        "notes": item.notes,
        "position": position_of(item),
        "date_added": item.date_added.isoformat(),
        "date_saved": saved.isoformat() if saved else None,
    }
    return msgspec.json.encode(content).decode()


def read(text: str) -> Contents:
    """What such a file holds: a list of items, or an object with one called `items`."""
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongFile(f"This is no JSON: {error}.") from error
    members = content.get("items") if isinstance(content, dict) else content
    if not isinstance(members, list):
        raise WrongFile('This JSON has no list of items, as in {"items": [{"item": "Buy milk"}]}.')
    return Contents([_draft(f"Item {number}", one) for number, one in enumerate(members, start=1)])


def _draft(place: str, given: Any) -> Draft:
    if isinstance(given, str):
        return Draft(place, given)
    if not isinstance(given, dict):
        return Draft(place, "", error='It must be an object, as in {"item": "Buy milk"}.')
    if unknown := sorted(set(given) - _MEMBERS):
        taken = ", ".join(sorted(_MEMBERS))
        return Draft(
            place,
            "",
            error=f"It has the unknown field {unknown[0]:.100}. What is taken is {taken}.",
        )
    draft = Draft(
        place,
        given.get("item", ""),
        id=_or_empty(given.get("id")),
        due=given.get("due"),
        tags=given.get("tags") or (),
        notes=_or_empty(given.get("notes")),
        position=_or_empty(given.get("position")),
    )
    done = given.get("done", False)
    draft.done = done is True
    if not isinstance(done, bool):
        draft.error = "done is neither true nor false."
    try:
        draft.date_added = moment(given.get("date_added"))
    except ValueError:
        draft.error = "date_added is no date."
    return draft


def _or_empty(value: object) -> object:
    return "" if value is None else value
