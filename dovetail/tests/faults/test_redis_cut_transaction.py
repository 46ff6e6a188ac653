"""Redis 7.0 whose file ends within a transaction: it is not carried out, and its beginning stays in the file.

The next transaction ends it, so that it is carried out at the start after that (valkey 4342).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from dovetail import Group, MessageQueue, Worker, connect
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Order, order
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis.transport import RedisTransport
from dovetail.transports.redis.trimming import trim

pytestmark = pytest.mark.faults

_END = b"*1\r\n$4\r\nEXEC\r\n"


async def cut_off_within_the_last_transaction(server: RedisServer) -> None:
    """Kill it; the file lacks the end of what it wrote last."""
    await server.kill()
    (file,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    written = file.read_bytes()
    assert written.endswith(_END)
    file.write_bytes(written[:-5])
    await server.start()


async def waiting(queue: MessageQueue, group: Group) -> int:
    (row,) = [row for row in (await queue.status()).groups if row.group == group.name]
    return row.waiting


async def test_a_command_that_was_lost_and_comes_back_is_handled(
    new_redis_server: Callable[..., Awaitable[RedisServer]],
) -> None:
    server = await new_redis_server()
    command, seen = order(), Seen[Order]()
    group = recording(command, seen)
    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            pass
        await queue.send(command(1))
        await cut_off_within_the_last_transaction(server)
        assert await waiting(queue, group) == 0
        async with Worker(queue, [group]):
            await queue.send(command(2))
            await all_handled(queue, group.name)
        await server.kill()
        await server.start()
        assert await waiting(queue, group) == 1
        async with Worker(queue, [group]):
            assert isinstance(queue.transport, RedisTransport)
            await trim(
                queue.transport._client, QueueOptions()
            )  # as every worker does once a minute
            await all_handled(queue, group.name)
    assert [one.number for one in seen.items] == [2, 1]
