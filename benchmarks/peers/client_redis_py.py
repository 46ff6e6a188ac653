"""redis-py's asyncio client with hiredis, for the comparison of clients.

A pipeline of commands was tried for what is published together: it takes five times as long as a script call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from redis.asyncio import Redis

from benchmarks.clients.measured import AHEAD, GROUP, Handle, bodies
from benchmarks.clients.streams import FIELD, KEY, MEMBER, SCRIPT, SHA, Entry, handle_entries


async def connect(url: str, variant: str) -> RedisPy:
    """Connected."""
    client = Redis.from_url(url)
    await client.ping()
    return RedisPy(client)


class RedisPy:
    """As Measured."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._client.xgroup_create(KEY, GROUP, "0", mkstream=True)
        await self._client.script_load(SCRIPT)

    async def publish(self, first: int, count: int) -> None:
        """As Measured.publish."""
        if count == 1:
            await self._client.xadd(KEY, {FIELD: bodies(first, 1)[0]})
        else:
            await self._client.evalsha(SHA, 1, KEY, *bodies(first, count))

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        await handle_entries(count, self._read, self._ack, handle)

    async def _read(self) -> Sequence[Entry]:
        reply: Any = await self._client.xreadgroup(GROUP, MEMBER, {KEY: ">"}, count=AHEAD)
        streams = reply.items() if isinstance(reply, dict) else reply
        return [(key, fields[FIELD.encode()]) for _, entries in streams for key, fields in entries]

    def _ack(self, ids: Sequence[bytes]) -> Awaitable[Any]:
        return self._client.xack(KEY, GROUP, *ids)

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.aclose()
