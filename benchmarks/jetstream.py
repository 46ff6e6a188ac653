"""What a NATS server says of its streams and consumers, and candidates that are measured by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import nats
from nats.js import JetStreamContext

from benchmarks.candidate import LOOK_SECONDS, Tally, publish_for


async def handle_rate(tally: Tally, url: str) -> dict[str, float]:
    """The tally's figures, from the first call of the handler until the server has every ack."""
    client = await nats.connect(url)
    await tally.complete()
    while not await _all_acked(client.jetstream(), tally.expected):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK_SECONDS)
    figures = tally.figures()
    await client.close()
    return figures


async def _all_acked(js: JetStreamContext, expected: int) -> bool:
    for stream in await js.streams_info():
        assert stream.config.name
        for consumer in await js.consumers_info(stream.config.name):
            floor = consumer.ack_floor
            if floor and floor.consumer_seq >= expected and not consumer.num_ack_pending:
                return True
    return False


async def stored(url: str) -> int:
    """Messages in all streams of a server."""
    client = await nats.connect(url)
    total = sum(stream.state.messages for stream in await client.jetstream().streams_info())
    await client.close()
    return total


async def publish_rates(
    url: str, seconds: float, publish: Callable[[int, int], Awaitable[object]]
) -> dict[str, float]:
    """As `publish_for`, with 1, 100 and 1,000 at once; all that was confirmed must be on the store."""
    values, number = await publish_for(seconds, publish, (1, 100, 1000))
    if (there := await stored(url)) < number:
        raise RuntimeError(f"{number} messages were confirmed, but only {there} are stored")
    return values
