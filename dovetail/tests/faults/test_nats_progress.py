"""The file with a group's progress was damaged on a server of one's own: what is said, and what mends it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from dovetail import QueueError, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsCluster, NatsServer

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


def progress(server: NatsServer) -> Path:
    (file,) = server.folder.glob("jetstream/*/streams/dovetail-events/obs/*/o.dat")
    return file


def damage(server: NatsServer) -> None:
    progress(server).write_bytes(progress(server).read_bytes()[:3])


@pytest.mark.parametrize("stays", [True, False], ids=["worker-stays", "worker-comes-later"])
async def test_what_to_remove_is_said_and_mends_it(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, stays: bool
) -> None:
    caplog.set_level(logging.WARNING, "dovetail.nats")
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    def said() -> list[str]:
        errors = (one for one in caplog.records if one.levelno == logging.ERROR)
        return [text for one in errors if "cannot be read now" in (text := one.getMessage())]

    async def says() -> bool:
        return bool(said())

    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            for number in range(5):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
            await server.stop()
            damage(server)
            place = str(progress(server).parent.relative_to(server.folder)).replace(
                "$G", "<account>"
            )
            await server.start()
            if stays:
                await until(says, "it says what to do")
                assert f"remove o.dat from {place}/" in said()[0]
        if not stays:
            with pytest.raises(QueueError, match=re.escape(f"remove o.dat from {place}/")):
                await Worker(queue, [group]).__aenter__()
        await server.stop()
        progress(server).unlink()
        await server.start()
        async with Worker(queue, [group]):
            await queue.publish(event(5))
            await seen.has(11)
    assert sorted(numbers(seen.items)) == sorted([*range(5), *range(6)])


@pytest.mark.slow  # three servers elect leaders, and 15 s must pass
async def test_a_cluster_with_most_copies_damaged_gives_nothing_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Publishing goes on, and each answer of the server is that the consumer is there."""
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    async def says() -> bool:
        return "no server has served it" in caplog.text  # 15 s: longer than an election

    async with NatsCluster() as cluster, connect(cluster.url, replicas=3, timeout=30) as queue:
        damaged = cluster.servers[:2]
        async with Worker(queue, [group]):
            for number in range(5):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
            await asyncio.gather(*(one.stop() for one in cluster.servers))
            for one in damaged:
                damage(one)
            await asyncio.gather(*(one.start() for one in cluster.servers))
            await queue.publish(event(5))
            await until(says, "it says that nothing comes")
            assert 5 not in numbers(seen.items)
            await asyncio.gather(*(one.stop() for one in damaged))
            for one in damaged:
                progress(one).unlink()
            await asyncio.gather(*(one.start() for one in damaged))
            await until(partial(_has, seen, 5), "the group goes on")
    assert {*numbers(seen.items)} == {*range(6)}


async def _has(seen: Seen[Numbered], number: int) -> bool:
    return number in numbers(seen.items)
