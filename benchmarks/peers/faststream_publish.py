"""Confirmed publish with FastStream: its publisher object, given the stream's name.

`pydantic` is the documented way; `msgspec` has FastStream encode msgspec types by its own serializer.
Logging is off and there is no middleware. The time limit is 5 s, as nats-py's own is: FastStream's half a
second is too short for 1,000 at once on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from fast_depends.msgspec import MsgSpecSerializer
from faststream.nats import JStream, NatsBroker

from benchmarks import content_msgspec, content_pydantic
from benchmarks.candidate import run
from benchmarks.content import STREAM, SUBJECT
from benchmarks.jetstream import publish_rates


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    new_item: Callable[[int], Any]
    if options.variant == "msgspec":
        broker = NatsBroker(options.url, logger=None, serializer=MsgSpecSerializer())
        new_item = content_msgspec.new_item
    else:
        broker = NatsBroker(options.url, logger=None)
        new_item = content_pydantic.new_item
    publisher = broker.publisher(SUBJECT, stream=JStream(STREAM, subjects=[SUBJECT]), timeout=5)

    async def publish(first: int, count: int) -> None:
        await asyncio.gather(*(publisher.publish(new_item(n)) for n in range(first, first + count)))

    async with broker:
        await broker.start()
        return await publish_rates(options.url, options.seconds, publish)


if __name__ == "__main__":
    run(main)
