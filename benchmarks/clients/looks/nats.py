"""At a JetStream stream and its consumer."""

from __future__ import annotations

import nats

from benchmarks.clients.measured import GROUP
from benchmarks.content import STREAM
from benchmarks.jetstream import stored

__all__ = ["stored", "unacked"]


async def unacked(url: str) -> int:
    """As Look.unacked."""
    client = await nats.connect(url)
    consumer = await client.jetstream().consumer_info(STREAM, GROUP)
    await client.close()
    return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
