"""Writes the list as a file, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import chain

from todo.files import csv_rows, json_document, markdown_list
from todo.items import Item
from todo.store import Store, StoreUnavailable
from todo.store.query import Page, Query

#: Items that are read at once.
_PAGE = 500
#: Between two tries to read one page.
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    media_type: str
    write: Callable[[Item], str]
    header: str
    between: str = ""
    footer: str = ""


#: By the ends of their names.
FORMATS = {
    "json": Format(
        "application/json", json_document.member, json_document.HEADER, ",\n", json_document.FOOTER
    ),
    "csv": Format("text/csv; charset=utf-8", csv_rows.row, csv_rows.header()),
    "md": Format("text/markdown; charset=utf-8", markdown_list.entry, markdown_list.HEADER),
}


async def exported(store: Store, name: str) -> AsyncIterator[bytes]:
    """Every saved item from the top of the list on, in the format of this name.

    Raises StoreUnavailable where the first page cannot be read.
    """
    query = Query(sort="-position")
    return _parts(store, FORMATS[name], query, await store.page(query, limit=_PAGE))


async def _parts(store: Store, kind: Format, query: Query, page: Page) -> AsyncIterator[bytes]:
    yield kind.header.encode()
    between = ""
    while True:
        parts = chain.from_iterable((kind.between, kind.write(item)) for item in page.items)
        text = "".join(parts).removeprefix(kind.between) if kind.between else "".join(parts)
        yield (between + text if page.items else "").encode()
        between = kind.between
        if page.next is None:
            break
        page = await _following(store, query, page.next)
    yield kind.footer.encode()


async def _following(store: Store, query: Query, after: str) -> Page:
    """The next page. What was begun is not cut short because the database is slow for a moment."""
    for pause in _PAUSES_SECONDS:
        try:
            return await store.page(query, after=after, limit=_PAGE)
        except StoreUnavailable:
            await asyncio.sleep(pause)
    return await store.page(query, after=after, limit=_PAGE)
