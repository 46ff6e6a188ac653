"""At a queue of RabbitMQ."""

from __future__ import annotations

import aiormq

from benchmarks.clients.quorum import QUEUE


async def stored(url: str) -> int:
    """As Look.stored."""
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    declared = await channel.queue_declare(QUEUE, passive=True)
    await connection.close()
    return declared.message_count or 0


unacked = stored
