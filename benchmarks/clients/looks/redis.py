"""At a Redis stream and its group."""

from __future__ import annotations

from redis.asyncio import Redis

from benchmarks.clients.streams import KEY


async def stored(url: str) -> int:
    """As Look.stored."""
    async with Redis.from_url(url) as client:
        return int(await client.xlen(KEY))


async def unacked(url: str) -> int:
    """As Look.unacked."""
    async with Redis.from_url(url) as client:
        [group] = await client.xinfo_groups(KEY)
    return int(group["pending"]) + int(group["lag"])
