"""The streams that the transport keeps for itself are deleted by somebody else, under running workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import nats
import pytest

from dovetail import Backoff, Context, Group, Reject, Worker, connect
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats.topology import ATTEMPTS, DEAD, EVENTS

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


async def test_attempts_and_dead_letters_are_made_again(new_nats_server: NewServer) -> None:
    server, event, tried = await new_nats_server(), numbered(), Seen[int]()
    group = Group(fresh("group"), retry=Backoff(first=0.05, tries=3))

    @group.on(event)
    async def handle(message: Numbered, context: Context) -> None:
        tried.add(context.attempt)
        if context.attempt == 3:
            raise Reject("enough")
        raise ValueError("not yet")

    async with connect(server.url) as queue, Worker(queue, [group]):
        for _ in range(2):  # the second time on a queue that had to mend itself
            await _delete(server, ATTEMPTS, DEAD)
            await queue.publish(event(1))
            await tried.has(len(tried) + 3)
            await all_handled(queue, group.name)
            assert len(await queue.dead_letters.list(group=group.name)) == 1
    assert tried.items == [1, 2, 3] * 2
    assert not [one for one in await _subjects(server) if one.startswith("dovetail.attempts")]


async def _delete(server: NatsServer, *streams: str) -> None:
    client = await nats.connect(server.url)
    for stream in streams:
        await client.jetstream().delete_stream(stream)
    await client.close()


async def _subjects(server: NatsServer) -> list[str]:
    client = await nats.connect(server.url)
    config = (await client.jetstream().stream_info(EVENTS)).config
    await client.close()
    return config.subjects or []
