"""Handlers with dovetail: `one` takes messages one by one, `batch` lists of up to 500."""

from __future__ import annotations

import argparse

from benchmarks.candidate import Tally, run
from benchmarks.jetstream import handle_rate
from benchmarks.ours.content import NewItem, new_item
from dovetail import Group, MessageQueue, Worker, connect

BATCH = 500
FILL = 1000


async def fill(queue: MessageQueue, messages: int) -> None:
    """Store the messages by our own publisher, with the id that each carries."""
    for first in range(0, messages, FILL):
        numbers = range(first, min(first + FILL, messages))
        await queue.publish_many([new_item(number) for number in numbers])


def make_group(variant: str, tally: Tally) -> Group:
    """The group that the variant wants."""
    group = Group("bench")
    if variant == "batch":

        @group.on(NewItem, batch=BATCH)
        async def handle_batch(events: list[NewItem]) -> None:
            for event in events:
                tally.note(event.item.id)

    else:

        @group.on(NewItem)
        async def handle(event: NewItem) -> None:
            tally.note(event.item.id)

    return group


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    tally = Tally(options.messages)
    async with connect(options.url) as queue:
        await fill(queue, options.messages)
        async with Worker(queue, [make_group(options.variant, tally)]):
            return await handle_rate(tally, options.url)


if __name__ == "__main__":
    run(main)
