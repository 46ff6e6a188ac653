"""What is done to a Redis stream, the same way with each client."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.clients.measured import Handle, decode

KEY = "bench"
FIELD = "d"
MEMBER = "one"
#: Stores what is published together in one call, as our transport does.
SCRIPT = """
for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'd', ARGV[i]) end
return #ARGV
"""
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

#: Id and body.
Entry = tuple[bytes, bytes]


async def handle_entries(
    count: int,
    read: Callable[[], Awaitable[Sequence[Entry]]],
    ack: Callable[[Sequence[bytes]], Awaitable[int]],
    handle: Handle,
) -> None:
    """Handle so many entries, the next read under way meanwhile; each read is acked by one command.

    Return when the server has all acks.
    """
    acks = []
    coming = asyncio.ensure_future(read())
    while count:
        entries = await coming
        coming = asyncio.ensure_future(read())
        for _, body in entries:
            await handle(decode(body))
        acks.append(asyncio.ensure_future(ack([key for key, _ in entries])))
        count -= len(entries)
    await asyncio.gather(coming, *acks)
