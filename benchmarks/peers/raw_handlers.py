"""Handlers on nats-py alone, decoding with msgspec.

- `pulls`: pull requests of our own on a plain subscription, three of 1,000 under way at any time; its
  callback decodes, handles and acks by publishing to the reply subject.
- `fetch`: `PullSubscription.fetch(1000)`, and `msg.ack()`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from benchmarks.candidate import LOOK_SECONDS, Tally, run
from benchmarks.content import STREAM, SUBJECT
from benchmarks.content_msgspec import NewItem, new_item
from benchmarks.jetstream import handle_rate, stored

GROUP = "bench"
BATCH = 1000
#: Pull requests under way, so that the server never waits for the next.
AHEAD = 3

decode = msgspec.json.Decoder(NewItem).decode
Handle = Callable[[NewItem], Awaitable[None]]


async def fill(client: Client, options: argparse.Namespace) -> None:
    """Store the messages, as a publisher on the raw client would leave them: without headers."""
    for number in range(options.messages):
        await client.publish(SUBJECT, msgspec.json.encode(new_item(number)))
    await client.flush()
    while await stored(options.url) < options.messages:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK_SECONDS)


async def add_consumer(js: JetStreamContext) -> None:
    """Make the consumer that both ways take messages from."""
    await js.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=GROUP, ack_policy=AckPolicy.EXPLICIT, max_ack_pending=2 * AHEAD * BATCH
        ),
    )


async def pulls(client: Client, handle: Handle) -> None:
    """Start handling by pull requests of our own."""
    subject, inbox = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{GROUP}", client.new_inbox()
    request = json.dumps({"batch": BATCH, "expires": 60_000_000_000}).encode()
    taken = 0

    async def take(message: Msg) -> None:
        nonlocal taken
        taken += 1
        if taken % BATCH == 0:
            await client.publish(subject, request, reply=inbox)
        await handle(decode(message.data))
        await client.publish(message.reply)

    await client.subscribe(inbox, cb=take, pending_msgs_limit=0, pending_bytes_limit=0)
    for _ in range(AHEAD):
        await client.publish(subject, request, reply=inbox)


async def fetch(client: Client, handle: Handle, messages: int) -> None:
    """Handle all by nats-py's own fetch."""
    subscription = await client.jetstream().pull_subscribe_bind(GROUP, stream=STREAM)
    taken = 0
    while taken < messages:
        for message in await subscription.fetch(BATCH):
            await handle(decode(message.data))
            await message.ack()
            taken += 1


async def main(options: argparse.Namespace) -> dict[str, float]:
    """Measure the variant."""
    client = await nats.connect(options.url)
    js = client.jetstream()
    await js.add_stream(name=STREAM, subjects=[SUBJECT])
    await fill(client, options)
    await add_consumer(js)
    tally = Tally(options.messages)

    async def handle(event: NewItem) -> None:
        tally.note(event.item.id)

    if options.variant == "pulls":
        await pulls(client, handle)
    else:
        await fetch(client, handle, options.messages)
    rates = await handle_rate(tally, options.url)
    await client.close()
    return rates


if __name__ == "__main__":
    run(main)
