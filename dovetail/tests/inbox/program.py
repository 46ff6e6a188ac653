"""A worker that inserts one row for each event. Arguments: queue, database, single|batch, crash|go.

With `crash` it kills itself after the first effect is committed and before the ack.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec
from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlalchemy.ext.asyncio import create_async_engine

from dovetail import Context, Event, Group, connect, run
from dovetail.inbox import Inbox

metadata = MetaData()
inbox = Inbox(metadata)
effects = Table(
    "effects", metadata, Column("id", Integer, primary_key=True), Column("what", String)
)


class Item(Event, frozen=True, subject="events.item"):
    text: str


def saver(database: str, kind: str, crash: bool) -> Group:
    engine = create_async_engine(database)
    group = Group("saver", lease=1)

    async def save(items: list[Item], contexts: list[Context]) -> None:
        async with engine.begin() as connection:
            first = await inbox.first_time(connection, contexts)
            rows = [{"what": item.text} for item, new in zip(items, first, strict=True) if new]
            if rows:
                await connection.execute(effects.insert(), rows)
        if crash:
            os.kill(os.getpid(), signal.SIGKILL)
        for item, new in zip(items, first, strict=True):
            sys.stdout.write(msgspec.json.encode([item.text, new]).decode() + "\n")
            sys.stdout.flush()

    if kind == "batch":
        group.on(Item, batch=100)(save)
    else:

        @group.on(Item)
        async def save_one(item: Item, context: Context) -> None:
            await save([item], [context])

    return group


async def main(queue_url: str, database: str, kind: str, mode: str) -> None:
    async with connect(queue_url) as queue:
        await run(queue, [saver(database, kind, mode == "crash")])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
