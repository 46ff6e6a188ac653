"""Our Redis client, used as the transport uses it: one script call for all that is published together."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from benchmarks.clients.measured import AHEAD, GROUP, Handle, bodies
from benchmarks.clients.streams import FIELD, KEY, MEMBER, SCRIPT, SHA, Entry, handle_entries
from dovetail.options import QueueOptions
from dovetail.transports.redis.address import parse_address
from dovetail.transports.redis.client import Client


async def connect(url: str, variant: str) -> OursOnRedis:
    """Connected."""
    client = Client(parse_address(url, "url"), QueueOptions())
    await client.open()
    return OursOnRedis(client)


class OursOnRedis:
    """As Measured."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def prepare(self) -> None:
        """As Measured.prepare."""
        await self._client.run("XGROUP", "CREATE", KEY, GROUP, "0", "MKSTREAM")
        await self._client.run("SCRIPT", "LOAD", SCRIPT)

    async def publish(self, first: int, count: int) -> None:
        """As Measured.publish."""
        if count == 1:
            await self._client.run("XADD", KEY, "*", FIELD, *bodies(first, 1))
        else:
            await self._client.run("EVALSHA", SHA, 1, KEY, *bodies(first, count))

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        await handle_entries(count, self._read, self._ack, handle)

    async def _read(self) -> Sequence[Entry]:
        wire = await self._client.ready()
        words = ("XREADGROUP", "GROUP", GROUP, MEMBER, "COUNT", AHEAD, "STREAMS", KEY, ">")
        reply: dict[bytes, Any] | None = await wire.call(*words)
        return [(key, fields[1]) for key, fields in (reply or {}).get(KEY.encode(), ())]

    def _ack(self, ids: Sequence[bytes]) -> Awaitable[Any]:
        return self._client.run("XACK", KEY, GROUP, *ids)

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.close()
