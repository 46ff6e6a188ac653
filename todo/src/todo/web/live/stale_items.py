"""Items that changed, to be read from the database and sent to the pages.

So it does not matter in which order, how often, or by which handler events say that something was saved.
"""

from __future__ import annotations

import asyncio

from todo.store import Store, StoreUnavailable
from todo.web.live.broadcast import Broadcast

#: Items that are read at once.
BATCH = 500
#: Seconds until the next attempt where the database cannot be read.
AGAIN = 0.5


class StaleItems:
    """Their ids, with the changes that are known to be saved."""

    def __init__(self, store: Store, broadcast: Broadcast) -> None:
        self._store = store
        self._broadcast = broadcast
        self._stale: dict[str, list[str]] = {}
        self._there = asyncio.Event()
        self._ended = False
        #: Set where the database could not be read.
        self.failed = False

    def add(self, id: str, saved: tuple[str, ...] = ()) -> None:
        """This item may be another now."""
        self._stale.setdefault(id, []).extend(saved)
        self._there.set()

    def begin(self) -> None:
        """Let `run` go on, from nothing."""
        self._stale.clear()
        self._ended = False

    def end(self) -> None:
        """Let `run` end."""
        self._ended = True
        self._there.set()

    async def run(self) -> None:
        """Read and tell. What comes in meanwhile is read together."""
        while not self._ended:
            await self._there.wait()
            self._there.clear()
            while self._stale and not self._ended:
                await self._tell_some()

    async def _tell_some(self) -> None:
        some = {one: self._stale.pop(one) for one in list(self._stale)[:BATCH]}
        try:
            found = {item.id: item for item in await self._store.items(list(some))}
        except StoreUnavailable:
            self.failed = True
            for one, saved in some.items():
                self._stale[one] = saved + self._stale.get(one, [])
            await asyncio.sleep(AGAIN)
            return
        for one, saved in some.items():
            self._broadcast.unsaved.saved(saved)
            self._broadcast.item(one, found.get(one), saved)
