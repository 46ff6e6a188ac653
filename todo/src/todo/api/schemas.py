"""What the API takes and gives, besides Item and Problem."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from todo.items import Item


class NewTodo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item to be added."""

    item: str


class Todo(msgspec.Struct, frozen=True):
    """One item: "accepted" while it waits in the queue, "saved" when the database has it."""

    id: str
    item: str
    date_added: datetime
    status: Literal["accepted", "saved"]


class ItemPage(msgspec.Struct, frozen=True):
    """Saved items, newest last."""

    items: list[Item]
    next: Annotated[
        str | None,
        msgspec.Meta(description="What to give as `after` for the next page; null on the last."),
    ]
