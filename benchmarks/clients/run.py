"""Measures one client once: `python -m benchmarks.clients.run URL MODULE:VARIANT`, and one of two options.

With `--messages=N` so many are stored, decoded, handled and acked. With `--seconds=S` messages are
published and confirmed, for so long each: one at a time, 100 together, and 100 by a task for each.
"""

from __future__ import annotations

import argparse
import asyncio
from importlib import import_module

from benchmarks.candidate import LOOK_SECONDS, Tally, publish_for, run
from benchmarks.clients.looks import look_at
from benchmarks.clients.measured import Measured
from benchmarks.content_msgspec import NewItem

FILL = 500


async def connect(url: str, variant: str) -> Measured:
    """The client that the variant names, connected."""
    module, _, way = variant.partition(":")
    client: Measured = await import_module(module).connect(url, way)
    return client


async def publish(client: Measured, url: str, seconds: float) -> dict[str, float]:
    """Messages a second, and microseconds of processor time for each. What was confirmed must be stored."""

    async def by_tasks(first: int, count: int) -> None:
        await asyncio.gather(*(client.publish(number, 1) for number in range(first, first + count)))

    look = look_at(url)
    together, number = await publish_for(seconds, client.publish, (1, 100))
    tasks, number = await publish_for(seconds, by_tasks, (100,), number)
    if (there := await look.stored(url)) < number:
        raise RuntimeError(f"{number} messages were confirmed, but only {there} are stored")
    return {
        "1": together["1"],
        "100": together["100"],
        "100 cpu": together["cpu"],
        "tasks": tasks["100"],
        "tasks cpu": tasks["cpu"],
    }


async def handle(client: Measured, url: str, messages: int) -> dict[str, float]:
    """`rate` and `cpu` of the handlers. The clock runs until the server has every ack."""
    look = look_at(url)
    for first in range(0, messages, FILL):
        await client.publish(first, min(FILL, messages - first))
    tally = Tally(messages)

    async def note(event: NewItem) -> None:
        tally.note(event.item.id)

    await client.handle(messages, note)
    while await look.unacked(url):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK_SECONDS)
    return tally.figures()


async def main(options: argparse.Namespace) -> dict[str, float]:
    """The figures of one kind."""
    client = await connect(options.url, options.variant)
    await client.prepare()
    if not options.messages:
        values = await publish(client, options.url, options.seconds)
        await client.close()
        return values
    values = await handle(client, options.url, options.messages)
    await client.close()
    # A channel that is closed gives back what was not acked.
    if left := await look_at(options.url).unacked(options.url):
        raise RuntimeError(f"{left} messages were not acked")
    return values


if __name__ == "__main__":
    run(main)
