"""Writes items as the save-handler does: `python -m benchmarks.power.writer ADDRESS`; prints saved ids."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count

from dovetail import new_id
from todo.items import Item
from todo.store import StoreUnavailable, open_store

#: Items of one transaction, in turn.
BATCHES = (1, 2, 20)


async def main(address: str) -> None:
    """Until it is killed."""
    store = open_store(address)
    await store.prepare()
    for number in count():
        size = BATCHES[number % len(BATCHES)]
        items = [Item(new_id(), "x" * 100, datetime.now(UTC)) for _ in range(size)]
        try:
            await store.add(items)
        except StoreUnavailable:
            continue
        print(*(item.id for item in items), sep="\n", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
