"""Handlers with FastStream on JetStream, one call for each message unless it says batch.

- `push-pydantic`: a push consumer, a pydantic model as the argument's type: the documented way.
- `push-decoder`: a push consumer, a decoder of our own straight into a msgspec type, and
  `apply_types=False`, so that FastStream neither validates nor injects anything: its fastest.
- `pull-decoder`: the same on a pull consumer, 1,000 messages a fetch.
- `batch-decoder`: the same on a pull consumer, with lists of up to 500.

In all of them logging is off, there is no middleware and no reply, and the consumer may have 20,000
messages unacknowledged; each is acked after its handler. `max_workers` was tried and is slower, and so
is FastStream's own serializer for msgspec types.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import msgspec
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.js.api import ConsumerConfig

from benchmarks import content_msgspec, content_pydantic
from benchmarks.candidate import Tally, run
from benchmarks.content import STREAM, SUBJECT
from benchmarks.jetstream import handle_rate

GROUP = "bench"
BATCH = 500
FETCH = 1000

decode = msgspec.json.Decoder(content_msgspec.NewItem).decode


async def fill(options: argparse.Namespace, stream: JStream) -> None:
    """Store the messages by FastStream's own publisher, with the headers that it sets."""
    broker = NatsBroker(options.url, logger=None)
    publisher = broker.publisher(SUBJECT, stream=stream, timeout=5)
    async with broker:
        await broker.start()
        for first in range(0, options.messages, FETCH):
            numbers = range(first, min(first + FETCH, options.messages))
            await asyncio.gather(
                *(publisher.publish(content_pydantic.new_item(number)) for number in numbers)
            )


async def decode_one(message: NatsMessage) -> Any:
    """A decoder in FastStream's sense."""
    return decode(message.body)


async def decode_batch(message: Any) -> Any:
    """A decoder in FastStream's sense, for lists."""
    return [decode(body) for body in message.body]


def add_handler(broker: NatsBroker, variant: str, consumer: dict[str, Any], tally: Tally) -> None:
    """Register the handler that the variant wants."""

    async def handle_model(event: content_pydantic.NewItem) -> None:
        tally.note(event.item.id)

    async def handle(event: content_msgspec.NewItem) -> None:
        tally.note(event.item.id)

    async def handle_batch(events: list[content_msgspec.NewItem]) -> None:
        for event in events:
            tally.note(event.item.id)

    pull, batch = PullSub(batch_size=FETCH), PullSub(batch_size=BATCH, batch=True, timeout=0.2)
    match variant:
        case "push-pydantic":
            broker.subscriber(SUBJECT, queue=GROUP, **consumer)(handle_model)
        case "push-decoder":
            broker.subscriber(SUBJECT, queue=GROUP, decoder=decode_one, **consumer)(handle)
        case "pull-decoder":
            pulling = broker.subscriber(
                SUBJECT, durable=GROUP, pull_sub=pull, decoder=decode_one, **consumer
            )
            pulling(handle)
        case "batch-decoder":
            batching = broker.subscriber(
                SUBJECT, durable=GROUP, pull_sub=batch, decoder=decode_batch, **consumer
            )
            batching(handle_batch)


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    stream = JStream(STREAM, subjects=[SUBJECT])
    await fill(options, stream)
    tally = Tally(options.messages)
    broker = NatsBroker(options.url, logger=None, apply_types=options.variant == "push-pydantic")
    consumer = {
        "stream": stream,
        "config": ConsumerConfig(max_ack_pending=20_000),
        "ack_policy": AckPolicy.ACK,
        "no_reply": True,
    }
    add_handler(broker, options.variant, consumer, tally)
    async with broker:
        await broker.start()
        return await handle_rate(tally, options.url)


if __name__ == "__main__":
    run(main)
