"""The server's disk is full in the middle of the stream, and then there is room again."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from dovetail import MessageQueue, QueueError, QueueFull, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer, RedisServer, Server

pytestmark = pytest.mark.faults

#: What the server may still write into one file.
ROOM = 1_000_000


class StubbornRedis(RedisServer):
    """Takes a write that fails as it takes one on a full disk: without the signal, which would end it."""

    def _command(self) -> list[str]:
        return ["sh", "-c", 'trap "" XFSZ; exec "$0" "$@"', *super()._command()]


def set_room(server: Server, size: int) -> None:
    """Writing beyond this size of a file fails, as it does where the disk is full."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    new: Callable[[], Server] = request.param
    async with new() as server:
        yield server


def redis(appendfsync: str) -> Callable[[], Server]:
    return partial(StubbornRedis, settings={"appendfsync": appendfsync})


@pytest.mark.parametrize(
    ("server", "kind", "said", "ping"),
    [
        # Silent, and it does not find out by itself that there is room.
        (NatsServer, QueueUnavailable, "is its disk full?", QueueFull),
        # It refuses, and looks for room itself.
        (redis("everysec"), QueueFull, "MISCONF", QueueFull),
        # It ends rather than take back what it may have written.
        (redis("always"), QueueUnavailable, "cannot be reached", QueueUnavailable),
    ],
    ids=["nats", "redis-everysec", "redis-always"],
    indirect=["server"],
)
async def test_disk_is_full(
    server: Server, kind: type[QueueError], said: str, ping: type[QueueError]
) -> None:
    """What was accepted is handled once, what was refused can be published again under its id."""
    event, seen = numbered(), Seen[Numbered]()
    async with (
        connect(server.url, timeout=0.5) as queue,
        Worker(queue, [group := recording(event, seen)]),
    ):
        await queue.publish(event(0))
        await seen.has(1)
        set_room(server, ROOM)
        refused = await publish_until_refused(queue, event)
        assert refused.id is not None
        number = int(refused.id.partition("-")[0])
        assert number > 10
        assert isinstance(refused, kind)
        assert said in str(refused)
        with pytest.raises(ping):
            await queue.ping()
        if kind is QueueFull:
            assert "nothing was accepted" in str(refused)
            set_room(server, resource.RLIM_INFINITY)
        else:
            await server.kill()
            await server.start()
        await until(lambda: accepts(queue, event(number), refused.id), "there is room again")
        await queue.ping()
        await all_handled(queue, group.name)
        assert not await queue.dead_letters.list(group=group.name)
    assert sorted(numbers(seen.items)) == list(range(number + 1))


async def accepts(queue: MessageQueue, event: Numbered, id: str | None) -> bool:
    try:
        await queue.publish(event, id=id)
    except QueueError:  # Redis looks for room once a second
        return False
    return True


async def publish_until_refused(queue: MessageQueue, event: type[Numbered]) -> QueueError:
    run = fresh("run")
    for number in range(1, 1000):
        try:
            await queue.publish(event(number, "x" * 10_000), id=f"{number}-{run}")
        except QueueError as error:
            return error
    raise AssertionError("the disk is never full")
