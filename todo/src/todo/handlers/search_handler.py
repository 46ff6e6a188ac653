"""The search-handler: keeps a full-text index of the items, and answers searches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from dovetail import Group
from todo.events import ChangeSaved, Found, ItemAmended, ItemSaved, SearchItems
from todo.store import StoreUnavailable

log = logging.getLogger("todo.search-handler")

#: Items in one transaction at most.
BATCH = 200
#: The whole table is compared with the index, at first soon again and then so often: others may write to it
#: without an event.
FIRST_SECONDS, AGAIN_SECONDS = 5.0, 60.0
#: After the database could not be reached.
_PAUSE_SECONDS = 1.0


class Index(Protocol):
    """The index, as `todo.store.search_index` has it."""

    async def index(self, ids: Sequence[str]) -> None:
        """Bring these up to date."""

    async def index_stale(self, after: str = "") -> str | None:
        """Some of what is not up to date, from behind this id; where to go on, None at the end."""

    async def drop_removed(self) -> None:
        """Take out what is no item any more."""

    async def find(self, query: str, most: int) -> list[str] | None:
        """Ids, best first; None where there is no word in the query."""


class Filling:
    """Fills the index from saved items, and checks from time to time whether something was missed."""

    def __init__(self, index: Index) -> None:
        self._index = index
        #: The index has had everything at least once since this process started.
        self.complete = False

    async def run(self) -> None:
        """Go on until cancelled."""
        pause = FIRST_SECONDS
        while True:
            try:
                await self.once()
            except StoreUnavailable as error:
                log.debug("the index is not compared now: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, AGAIN_SECONDS)

    async def once(self) -> None:
        """Bring everything up to date."""
        after: str | None = ""
        while after is not None:
            after = await self._index.index_stale(after)
        await self._index.drop_removed()
        if not self.complete:
            log.info("the index has every item")
        self.complete = True


def search_handler(index: Index, filling: Filling) -> Group:
    """Indexes what was saved and changed, and answers searches."""
    # What was saved before it began, `filling` finds in the table.
    group = Group("search-handler", start="new", not_ready=(StoreUnavailable,))

    @group.on(ItemSaved, batch=BATCH)
    async def saved(events: list[ItemSaved]) -> None:
        await index.index([event.item.id for event in events])

    @group.on(ItemAmended, batch=BATCH)
    async def amended(events: list[ItemAmended]) -> None:
        await index.index([event.item.id for event in events])

    @group.on(ChangeSaved, batch=BATCH)
    async def changed(events: list[ChangeSaved]) -> None:
        await index.index([event.id for event in events])

    @group.on(SearchItems)
    async def search(request: SearchItems) -> Found:
        return Found(await index.find(request.q, request.most), filling.complete)

    return group
