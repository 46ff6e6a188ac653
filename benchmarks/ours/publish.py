"""Confirmed publish with dovetail: `publish` is one call for each message, `publish_many` one for all."""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.candidate import run
from benchmarks.jetstream import publish_rates
from benchmarks.ours.content import new_item
from dovetail import connect


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    async with connect(options.url) as queue:

        async def publish(first: int, count: int) -> None:
            await asyncio.gather(*(queue.publish(new_item(n)) for n in range(first, first + count)))

        async def publish_many(first: int, count: int) -> None:
            await queue.publish_many([new_item(n) for n in range(first, first + count)])

        way = publish_many if options.variant == "publish_many" else publish
        return await publish_rates(options.url, options.seconds, way)


if __name__ == "__main__":
    run(main)
