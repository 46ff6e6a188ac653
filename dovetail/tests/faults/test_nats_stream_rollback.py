"""The files of a server of one's own were damaged: a stream has lost its newest messages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from dovetail import Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


def damage(server: NatsServer) -> None:
    (block,) = server.folder.glob("jetstream/*/streams/dovetail-events/msgs/*.blk")
    with block.open("r+b") as file:
        file.seek(block.stat().st_size // 2)
        file.write(b"\xa5" * 64)


@pytest.mark.parametrize("stays", [True, False], ids=["worker-stays", "worker-comes-later"])
async def test_what_comes_after_the_damage_is_handled(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, stays: bool
) -> None:
    """It gets sequences that the group has had before."""
    caplog.set_level(logging.ERROR, "dovetail.nats")
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    async def said() -> bool:
        return "messages are missing in the stream 'dovetail-events'" in caplog.text

    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            for number in range(20):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
            if stays:
                await server.stop()
                damage(server)
                await server.start()
                await until(said, "it says so")
        if not stays:
            await server.stop()
            damage(server)
            await server.start()
        async with Worker(queue, [group]):
            await until(said, "it says so")
            for number in range(20, 40):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
    assert numbers(seen.items) == list(range(40))
