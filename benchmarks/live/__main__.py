"""`python -m benchmarks.live`: 200 open pages while 100 changes a second come in. 1 if one ends wrong."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.live.page import Page
from benchmarks.live.program import Program, answering, component, settings_of
from dovetail import MessageQueue, QueueUnavailable, connect, new_id
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import NatsServer
from todo.events import (
    Change,
    ItemCompleted,
    ItemEdited,
    ItemNoted,
    ItemRemoved,
    ItemReopened,
    ItemRestored,
    ItemTagged,
    NewItem,
)
from todo.items import Item

#: Items in the list at the beginning: as many as one reading of it gives.
ITEMS = 40


@dataclass
class Load:
    """Changes at a steady rate."""

    queue: MessageQueue
    ids: list[str]
    #: When each change was published, by its id.
    sent: dict[str, float]

    async def run(self, rate: int, seconds: float) -> None:
        """So many a second."""
        began, published = time.perf_counter(), set[asyncio.Task[None]]()
        for number in range(int(rate * seconds)):
            delay = began + number / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            task = asyncio.create_task(self._publish(self._change(number)))
            published.add(task)
            task.add_done_callback(published.discard)
        await asyncio.gather(*published)

    async def _publish(self, change: Change) -> None:
        self.sent[change.change] = time.perf_counter()
        for _ in range(20):
            try:
                await self.queue.publish(change, id=change.change)
            except QueueUnavailable:
                continue
            return

    def _change(self, number: int) -> Change:
        item, change = random.choice(self.ids), new_id()
        match number % 8:
            case 0:
                return ItemCompleted(id=item, change=change)
            case 1:
                return ItemReopened(id=item, change=change)
            case 2 | 3:
                return ItemEdited(id=item, change=change, item=f"Buy {number} litres of milk")
            case 4:
                return ItemTagged(id=item, change=change, tags=("shop", f"no{number % 7}"))
            case 5:
                return ItemNoted(id=item, change=change, notes=f"The {number}th note")
            case 6:
                return ItemRemoved(id=item, change=change)
        return ItemRestored(id=item, change=change)


async def _add(queue: MessageQueue, count: int) -> list[str]:
    now = datetime.now(UTC)
    new = [Item(new_id(), f"Task number {number} of today", now) for number in range(count)]
    await queue.publish_many([NewItem(item) for item in new], ids=[item.id for item in new])
    return [item.id for item in new]


async def _until(done: Sequence[Page], changes: set[str], seconds: float) -> None:
    """Every page was told of all changes, or the time is over."""
    limit = time.perf_counter() + seconds
    while time.perf_counter() < limit:
        if all(page.resets > 1 or changes <= page.saved.keys() for page in done):
            return
        await asyncio.sleep(0.1)


async def measure(pages: int, rate: int, seconds: float, folder: Path) -> bool:
    """Print the figures; whether every page ended right."""
    port = free_port()
    async with NatsServer() as server:
        settings = settings_of(server.url, port, folder)
        async with (
            component("save-handler", folder, settings),
            component("web", folder, settings) as web,
            connect(server.url) as queue,
        ):
            await answering(port)
            ids = await _add(queue, ITEMS)
            return await _measure(Load(queue, ids, {}), web, port, pages, rate, seconds)


async def _measure(
    load: Load, web: Program, port: int, count: int, rate: int, seconds: float
) -> bool:
    probe = Page(port)
    while len(probe.items) < ITEMS:
        await probe.load()
    alone = web.taken()
    pages = [Page(port, dict(probe.items), probe.place) for _ in range(count)]
    following = [asyncio.create_task(page.follow()) for page in pages]
    await asyncio.sleep(2)
    before = web.taken()
    await load.run(rate, seconds)
    await _until(pages, set(load.sent), 120)
    after = web.taken()
    right = 0
    for _ in range(10):  # what a page does after a reset takes a while
        await probe.load()
        right = sum(page.items == probe.items for page in pages)
        if right == count:
            break
        await asyncio.sleep(1)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    changes = len(load.sent)
    print(f"{count} pages, {changes} changes at {rate} a second; {right} pages ended right")
    print(
        f"memory of web: {alone.resident_bytes / 2**20:.0f} MiB without pages, "
        f"{before.resident_bytes / 2**20:.0f} with them, {after.resident_bytes / 2**20:.0f} at the end"
    )
    used = after.processor_seconds - before.processor_seconds
    print(f"processor of web: {used / seconds * 100:.0f} % of one core")
    print(
        f"bytes of a change for a page: {statistics.mean(page.bytes for page in pages) / changes:.0f}"
    )
    print(f"resets: {sum(page.resets for page in pages)}")
    for name in ("accepted", "saved"):
        _print_delays(name, load, [getattr(page, name) for page in pages])
    return right == count


def _print_delays(name: str, load: Load, told: Sequence[dict[str, float]]) -> None:
    delays = sorted(
        at - load.sent[change] for one in told for change, at in one.items() if change in load.sent
    )
    if delays:
        middle, late = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
        print(
            f"from publishing to a page that is told of it as {name}: median {middle * 1e3:.0f} ms, "
            f"99 % within {late * 1e3:.0f} ms, worst {delays[-1] * 1e3:.0f} ms"
        )


def main() -> int:
    """0 where every page ended right."""
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="todo-live-") as folder:
        good = asyncio.run(measure(options.pages, options.rate, options.seconds, Path(folder)))
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
