"""coredis, whose tasks share connections, for the comparison of clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from coredis import Redis

from benchmarks.clients.measured import AHEAD, GROUP, Handle, bodies
from benchmarks.clients.streams import FIELD, KEY, MEMBER, SCRIPT, SHA, Entry, handle_entries


async def connect(url: str, variant: str) -> Coredis:
    """Connected."""
    client = await Redis.from_url(url).__aenter__()
    await client.ping()
    return Coredis(client)


class Coredis:
    """As Measured."""

    def __init__(self, client: Redis[bytes]) -> None:
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
            await self._client.evalsha(SHA, [KEY], bodies(first, count))

    async def handle(self, count: int, handle: Handle) -> None:
        """As Measured.handle."""
        await handle_entries(count, self._read, self._ack, handle)

    async def _read(self) -> Sequence[Entry]:
        reply = await self._client.xreadgroup(GROUP, MEMBER, {KEY: ">"}, count=AHEAD)
        entries = (reply or {}).get(KEY.encode(), ())
        return [
            (cast(bytes, one.identifier), cast(bytes, one.field_values[FIELD.encode()]))
            for one in entries
        ]

    async def _ack(self, ids: Sequence[bytes]) -> Any:
        return await self._client.xack(KEY, GROUP, ids)

    async def close(self) -> None:
        """As Measured.close."""
        await self._client.__aexit__(None, None, None)
