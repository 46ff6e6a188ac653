"""What the API takes and gives, besides Problem."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Status = Literal["accepted", "saved"]

#: Said once, and shown wherever the field is.
DUE = "A date, or a date and time with its offset from UTC (RFC 3339); null where there is none."
TAGS = "Without their #."
POSITION = "Its place in a list sorted by position: texts that are compared by code point."


class NewTodo(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An item to be added."""

    item: str
    done: bool = False
    due: Annotated[str | None, Meta(description=DUE)] = None
    tags: Annotated[tuple[str, ...], Meta(description=TAGS)] = ()
    notes: str = ""
    position: Annotated[
        str, Meta(description=f"{POSITION} Empty: behind what was added before.")
    ] = ""


class TodoPatch(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed (RFC 7396): members that are left out stay as they are, null empties."""

    item: str | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    due: Annotated[str | UnsetType | None, Meta(description=DUE)] = UNSET
    tags: Annotated[tuple[str, ...] | UnsetType | None, Meta(description=TAGS)] = UNSET
    notes: str | UnsetType | None = UNSET
    position: Annotated[
        str | UnsetType | None, Meta(description=f"{POSITION} Empty or null: where it was added.")
    ] = UNSET


class Todo(Struct, frozen=True, gc=False):
    """One item: "accepted" while it, or a change of it, waits in the queue; then "saved"."""

    id: Annotated[
        str,
        Meta(description="A UUID where it was added here; other publishers may have other ids."),
    ]
    item: str
    done: bool
    due: Annotated[str | None, Meta(description=DUE)]
    tags: Annotated[tuple[str, ...], Meta(description=TAGS)]
    notes: str
    position: Annotated[str, Meta(description=POSITION)]
    date_added: datetime
    date_saved: Annotated[
        datetime | None, Meta(description="null before that, and where it is not known.")
    ]
    status: Status


class ItemPage(Struct, frozen=True):
    """Saved items."""

    items: Sequence[Todo]
    next: Annotated[
        str | None,
        Meta(description="What to give as `after` for the next page; null on the last."),
    ]
    search: Annotated[
        Literal["full", "plain"] | None,
        Meta(
            description="How the words of `q` were looked for: by the search-handler, as words and their "
            "beginnings, the best first; or plainly, each somewhere. null where there were none."
        ),
    ]


class PastChange(Struct, frozen=True):
    """What one field of an item became, and when somebody wanted it so."""

    change: Annotated[str, Meta(description="Its id; empty for the adding.")]
    at: datetime
    field: Annotated[
        str, Meta(description="added, item, done, due, tags, notes, position or removed.")
    ]
    value: Annotated[
        Any,
        Meta(
            description="What the field was set to; the text that it had, where it was added; false where "
            "a removed item was restored."
        ),
    ]
    seen: Annotated[
        str,
        Meta(description="The last change that its author had seen; empty where it is unknown."),
    ]
    current: Annotated[bool, Meta(description="The item shows it.")]
    superseded: Annotated[
        bool, Meta(description="A later one replaced it, whose author had not seen it.")
    ]


class History(Struct, frozen=True):
    """All that became of one item, oldest first."""

    changes: Sequence[PastChange]


class ImportAccepted(Struct, frozen=True):
    """A file whose items the queue has."""

    id: Annotated[str, Meta(description="Of the import: GET /import/{id} tells how far it is.")]
    items: Annotated[int, Meta(description="How many items the file has.")]


class ImportProgress(Struct, frozen=True):
    """How far an import is."""

    id: str
    finished: bool
    items: Annotated[
        int | None,
        Meta(description="How many items it has; null where another process accepted it."),
    ]
    saved: Annotated[int | None, Meta(description="How many of them are saved; null as above.")]
    waiting: Annotated[
        int | None,
        Meta(
            description="Messages that wait to be saved in all, of whatever comes from; null where the "
            "queue does not tell."
        ),
    ]
