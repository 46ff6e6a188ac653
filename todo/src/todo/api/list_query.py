"""The query parameters of `GET /todo`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast, get_args

from starlette.datastructures import QueryParams

from todo.fields import checked_tag
from todo.items import MAX_LENGTH, InvalidItem
from todo.store.query import Query, Sort, Status

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
STATUSES: tuple[str, ...] = get_args(Status)
SORTS: tuple[str, ...] = get_args(Sort)
PARAMETERS = ("status", "q", "tag", "sort", "limit", "after")


class InvalidParameter(Exception):
    """A query parameter cannot be used; the message says what would."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class ListQuery:
    """One page of items."""

    query: Query
    after: str | None
    limit: int


def list_query_of(parameters: QueryParams) -> ListQuery:
    """What these parameters ask for. Raises InvalidParameter."""
    given: dict[str, str] = {}
    for name, value in parameters.multi_items():
        if name not in PARAMETERS:
            raise InvalidParameter(
                name[:100],
                f"There is no parameter `{name[:100]}`. There are {', '.join(PARAMETERS)}.",
            )
        if name in given:
            raise InvalidParameter(name, f"`{name}` is there more than once.")
        given[name] = value
    query = Query(
        status=cast("Status", _one_of(given, "status", STATUSES)),
        q=_words(given.get("q")),
        tag=_tag(given.get("tag")),
        sort=cast("Sort", _one_of(given, "sort", SORTS)),
    )
    return ListQuery(query, _after(given.get("after")), _limit(given.get("limit")))


def _one_of(given: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        raise InvalidParameter(name, f"`{name}` must be one of {', '.join(allowed)}.")
    return value


def _words(text: str | None) -> str:
    if text is None:
        return ""
    if len(text) > MAX_LENGTH or "\0" in text:
        raise InvalidParameter(
            "q", f"`q` must be at most {MAX_LENGTH} characters, none of them NUL."
        )
    return text


def _tag(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return checked_tag(text)
    except InvalidItem as error:
        raise InvalidParameter("tag", str(error)) from None


def _after(text: str | None) -> str | None:
    if text == "":
        raise InvalidParameter("after", "`after` must be what `next` gave.")
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidParameter("limit", f"`limit` must be a whole number from 1 to {MAX_LIMIT}.")
