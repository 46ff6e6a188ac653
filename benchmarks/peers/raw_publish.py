"""Confirmed publish with nats-py alone.

- `async`: `publish_async`, whose futures are awaited; `async-id` with a Nats-Msg-Id of its own on each.
- `gather`: `js.publish`, one task for each; `gather-id` with a Nats-Msg-Id.
"""

from __future__ import annotations

import argparse
import asyncio
import uuid

import msgspec
import nats
from nats.js import JetStreamContext

from benchmarks.candidate import run
from benchmarks.content import STREAM, SUBJECT
from benchmarks.content_msgspec import new_item
from benchmarks.jetstream import publish_rates

encode = msgspec.json.Encoder().encode


def headers(with_id: bool) -> dict[str, str] | None:
    """A new id for one message, or nothing."""
    return {"Nats-Msg-Id": str(uuid.uuid4())} if with_id else None


class Publisher:
    """Publishes on one JetStream context."""

    def __init__(self, js: JetStreamContext, *, with_id: bool) -> None:
        self.js = js
        self.with_id = with_id

    async def publish_async(self, first: int, count: int) -> None:
        """All on their way, then wait for all."""
        confirmations = [
            await self.js.publish_async(SUBJECT, encode(new_item(n)), headers=headers(self.with_id))
            for n in range(first, first + count)
        ]
        await asyncio.gather(*confirmations)

    async def gather(self, first: int, count: int) -> None:
        """One task for each."""
        await asyncio.gather(
            *(
                self.js.publish(SUBJECT, encode(new_item(n)), headers=headers(self.with_id))
                for n in range(first, first + count)
            )
        )


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    way, _, suffix = options.variant.partition("-")
    client = await nats.connect(options.url)
    js = client.jetstream()
    await js.add_stream(name=STREAM, subjects=[SUBJECT])
    publisher = Publisher(js, with_id=suffix == "id")
    publish = publisher.publish_async if way == "async" else publisher.gather
    rates = await publish_rates(options.url, options.seconds, publish)
    await client.close()
    return rates


if __name__ == "__main__":
    run(main)
