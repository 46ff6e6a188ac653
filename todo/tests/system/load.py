"""Items that are added all the while, and what became of them."""

from __future__ import annotations

import asyncio
from collections import Counter

from .application import Application, Process

CLIENTS = 4
#: Seconds that each client waits after an item, so that one save-handler can nearly keep up.
PAUSE = 0.01


async def load(app: Application, enough: asyncio.Event) -> list[str]:
    """Add items until told that it is enough; their ids."""
    accepted: list[str] = []

    async def client() -> None:
        while not enough.is_set():
            response = await app.add("something")
            assert response.status_code == 202
            accepted.append(response.json()["id"])
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return accepted


def saved_by(handlers: list[Process]) -> Counter[str]:
    """How often each item's id was saved."""
    said = (line.partition(" saved ")[2] for handler in handlers for line in handler.lines)
    return Counter(item_id for ids in said for item_id in ids.split())
