"""Dead letters that the server does not take back as they were."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import nats
import pytest

from dovetail import Group, MessageTooLarge, Received, Reject, Worker, connect
from dovetail.testing.conformance.names import fresh, fresh_subject
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


def rejecting_once(subject: str) -> tuple[Group, Seen[bytes]]:
    """A group that takes at its replay what it rejects first."""
    group, seen = Group(fresh("group")), Seen[bytes]()

    @group.on(subject)
    async def take(message: Received) -> None:
        seen.add(message.body)
        if seen.items.count(message.body) == 1:
            raise Reject("not yet")

    return group, seen


async def test_headers_that_instruct_the_server_are_left_out(new_nats_server: NewServer) -> None:
    """Another program expected to be the first, rolled up what was there, and set a time to live."""
    server, subject = await new_nats_server(), fresh_subject()
    group, seen = rejecting_once(subject)
    client = await nats.connect(server.url)
    stream = client.jetstream()
    async with connect(server.url) as queue, Worker(queue, [group]):
        config = (await stream.stream_info(topology.EVENTS)).config
        config.allow_rollup_hdrs = config.allow_msg_ttl = True
        await stream.update_stream(config)
        headers = {
            "Nats-Expected-Last-Sequence": "0",
            "Nats-Expected-Last-Subject-Sequence": "0",
            "Nats-Rollup": "sub",
            "Nats-TTL": "1h",
            "X-Theirs": "kept",
        }
        await stream.publish(subject, b"first", headers=headers)
        await stream.publish(subject, b"second")
        await all_handled(queue, group.name)
        letters = await queue.dead_letters.list()
        assert [one.headers and one.headers["X-Theirs"] for one in letters] == [None, "kept"]
        assert await queue.dead_letters.replay_all() == 2
        await all_handled(queue, group.name)
        assert await queue.dead_letters.count() == {}
    await client.close()
    assert sorted(seen.items) == [b"first", b"first", b"second", b"second"]


async def test_one_that_is_refused_does_not_keep_the_others(new_nats_server: NewServer) -> None:
    """What was taken is no dead letter any more, and is not replayed again at the next try."""
    server, subject = await new_nats_server(), fresh_subject()
    group, seen = rejecting_once(subject)
    client = await nats.connect(server.url)
    stream = client.jetstream()
    async with connect(server.url) as queue, Worker(queue, [group]):
        for body in (b"1", b"x" * 5000, b"2"):
            await queue.publish_raw(subject, body)
        await all_handled(queue, group.name)
        config = (await stream.stream_info(topology.EVENTS)).config
        config.max_msg_size = 2000
        await stream.update_stream(config)
        for _ in range(2):
            with pytest.raises(MessageTooLarge):
                await queue.dead_letters.replay_all()
            await all_handled(queue, group.name)
        [left] = await queue.dead_letters.list()
        assert left.body == b"x" * 5000
    await client.close()
    assert sorted(seen.items) == [b"1", b"1", b"2", b"2", b"x" * 5000]
