"""Redis has one set of channels for all its databases: what is live in one must not be heard in another."""

from __future__ import annotations

import pytest

from dovetail import MessageQueue, connect
from dovetail.testing.conformance.listening import data, listening
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.servers import RedisServer

from .redis_cli import redis_cli

pytestmark = pytest.mark.faults


async def _publish(queue: MessageQueue, event: type[Numbered], first: int) -> None:
    await queue.publish(event(first), durable=False)
    await queue.publish(event(first + 1))


@pytest.mark.parametrize("wild", [False, True], ids=["subject", "pattern"])
async def test_live_events_stay_in_their_database(redis_server: RedisServer, *, wild: bool) -> None:
    event = numbered()
    first, others = event.__subject__.split(".", 1)
    assert first == "events"
    what = f"*.{others}" if wild else event.__subject__
    async with (
        connect(redis_server.url) as zero,
        connect(f"{redis_server.url}/1") as one,
        connect(f"{redis_server.url}/12") as twelve,
        listening(zero, what) as in_zero,
        listening(one, what) as in_one,
        listening(twelve, what) as in_twelve,
    ):
        for number, queue in enumerate((twelve, one, zero)):
            await _publish(queue, event, 10 * number)
        assert data(await in_twelve.has(2)) == [0, 1]
        assert data(await in_one.has(2)) == [10, 11]
        assert data(await in_zero.has(2)) == [20, 21]


@pytest.mark.parametrize(("database", "prefix"), [(0, ""), (3, "3:")])
async def test_other_clients_are_heard_on_the_channel_of_the_database(
    redis_server: RedisServer, database: int, prefix: str
) -> None:
    event = numbered()
    async with connect(f"{redis_server.url}/{database}") as queue, listening(queue, event) as heard:
        await redis_cli(redis_server, "PUBLISH", f"{prefix}{event.__subject__}", "hello")
        [message] = await heard.has(1)
        assert (message.subject, message.body) == (event.__subject__, b"hello")
