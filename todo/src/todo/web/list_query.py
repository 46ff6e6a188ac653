"""The query of a list, as it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeVar
from urllib.parse import urlencode

from todo.store.query import Sort, Status

Choice = TypeVar("Choice", bound=str)

STATUSES: tuple[Status, ...] = ("all", "active", "done")
#: Orders that the page offers, the usual one first; the items' own is shown from its end, newest on top.
SORTS: tuple[Sort, ...] = ("-position", "due", "-added", "item")
#: Characters of what is searched for, and of a tag.
_MOST = 500
#: Of a cursor: there may be an item's text in it, or its position.
_MOST_AFTER = 8000


@dataclass(frozen=True)
class ListQuery:
    """The parameters of a list. Unknown values count as not given."""

    status: Status = "all"
    q: str = ""
    tag: str = ""
    sort: Sort = SORTS[0]
    after: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether it asks for less than the whole list."""
        return bool(self.q or self.tag or self.status != "all")

    def address(self, **changes: str) -> str:
        """The address of the same list, changed; without `after`, which is of one order and filter only."""
        usual = asdict(ListQuery())
        wanted = asdict(self) | {"after": ""} | changes
        fields = {name: value for name, value in wanted.items() if value != usual[name]}
        return f"/?{urlencode(fields)}" if fields else "/"


def list_query_of(parameters: Mapping[str, str]) -> ListQuery:
    """What the query of an address asks for."""
    given = {name: parameters.get(name, "").strip()[:_MOST] for name in ("q", "tag")}
    return ListQuery(
        status=_chosen(parameters.get("status", ""), STATUSES),
        sort=_chosen(parameters.get("sort", ""), SORTS),
        q=given["q"],
        tag=given["tag"].removeprefix("#"),
        after=parameters.get("after", "")[:_MOST_AFTER],
    )


def _chosen(given: str, choices: tuple[Choice, ...]) -> Choice:
    return next((one for one in choices if one == given), choices[0])
