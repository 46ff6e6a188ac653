"""Redis's memory is full; what may be trimmed of the history; delays in great number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from dovetail import Backoff, Context, Group, MessageQueue, QueueFull, Received, Worker, connect
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.common import trimming
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.transport import RedisTransport
from dovetail.transports.redis.trimming import trim

from .redis_cli import redis_cli
from .trimmed_history import TrimmedHistory

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def server(new_redis_server: NewServer) -> RedisServer:
    return await new_redis_server()


@pytest_asyncio.fixture
async def queue(server: RedisServer) -> AsyncIterator[MessageQueue]:
    async with connect(server.url) as queue:
        yield queue


# Full


async def test_memory_is_full(new_redis_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, retries and dead letters go on, and publishing too as soon as there is room."""
    monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
    server = await new_redis_server(settings={"maxmemory": "8mb"})
    event, accepted, tried = numbered(), list[int](), Seen[tuple[int, int]]()
    group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

    @group.on(event)
    async def handle(message: Numbered, context: Context) -> None:
        tried.add((message.number, context.attempt))
        if message.number % 100 == 0:
            raise ValueError("no")

    async with connect(server.url, keep=timedelta(0)) as queue:

        async def fill() -> None:
            for number in range(100_000):
                await queue.publish(event(number, "x" * 10_000), id=f"id-{number}")
                accepted.append(number)

        with pytest.raises(QueueFull, match="nothing was accepted") as caught:
            await fill()
        refused = len(accepted)
        assert caught.value.id == f"id-{refused}"
        assert refused > 200
        async with Worker(queue, [group]):
            await until(partial(_accepts, queue, event(refused)), "there is room")
            await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
    assert {number for number, _ in tried.items} == {*accepted, refused}
    assert len(letters) == sum(number % 100 == 0 for number in (*accepted, refused))
    assert {letter.attempts for letter in letters} == {2}


async def test_status_says_how_much_room_there_is(new_redis_server: NewServer) -> None:
    server = await new_redis_server(settings={"maxmemory": "50mb"})
    async with connect(server.url) as queue:
        assert (await queue.status()).limit_bytes == 50 * 1024 * 1024
    async with connect(server.url, limit_bytes=1_000_000) as queue:
        assert (await queue.status()).limit_bytes == 1_000_000


async def _accepts(queue: MessageQueue, event: Numbered) -> bool:
    try:
        await queue.publish(event)
    except QueueFull:
        return False
    return True


# Trimming


async def trim_now(queue: MessageQueue, keep: timedelta | None = timedelta(0)) -> int:
    """Trim as the worker does once a minute; returns how many messages are left."""
    assert isinstance(queue.transport, RedisTransport)
    client = queue.transport._client
    published = await _milliseconds(client)
    while await _milliseconds(client) == published:  # the server's clock cannot tell them apart
        pass
    await trim(client, QueueOptions(keep=keep))
    return (await queue.status()).messages


class TestTrimmedRedis(TrimmedHistory):
    trim_now = staticmethod(trim_now)


async def _milliseconds(client: Client) -> int:
    seconds, micros = await client.run("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def test_what_is_in_hand_stays_and_what_waits_for_its_next_attempt_lives_on(
    queue: MessageQueue,
) -> None:
    event, calls, go_on = numbered(), Seen[Numbered](), asyncio.Event()
    group = Group(fresh("group"), retry=Backoff(first=60, most=60), concurrency=2)

    @group.on(event)
    async def handle(message: Numbered) -> None:
        calls.add(message)
        if message.number == 3:
            raise ValueError("later")
        if message.number == 5:
            await go_on.wait()

    async with Worker(queue, [group]):
        await queue.publish_many([event(number) for number in range(10)])
        await calls.has(10)
        left = await trim_now(queue)
        go_on.set()
    assert left == 5  # from the one in hand on
    await trim_now(queue)
    assert [one.data["number"] for one in await queue.waiting(event, group.name)] == [3]
    [row] = (await queue.status()).groups
    assert (row.waiting, row.in_hand) == (0, 1)
    assert row.oldest is not None


async def test_groups_by_pattern_have_their_copies(queue: MessageQueue) -> None:
    top, seen = fresh_subject(), Seen[str]()
    group = Group(fresh("group"))

    @group.on(f"{top}.>")
    async def take(message: Received) -> None:
        seen.add(message.subject)

    async with Worker(queue, [group]):
        pass
    await queue.publish(numbered(f"{top}.a")(1))
    assert await trim_now(queue) == 0
    assert [one.subject for one in await queue.waiting(f"{top}.>", group.name)] == [f"{top}.a"]
    async with Worker(queue, [group]):
        await all_handled(queue, group.name)
    assert seen.items == [f"{top}.a"]


async def test_for_ever_is_for_ever(queue: MessageQueue) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]):
        await queue.publish_many([event(number) for number in range(10)])
        await all_handled(queue, group.name)
    assert await trim_now(queue, keep=None) == 10


async def test_trimming_while_publishing_and_handling(queue: MessageQueue) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]):
        for first in range(0, 5000, 250):
            await queue.publish_many([event(number) for number in range(first, first + 250)])
            await trim_now(queue)
        await all_handled(queue, group.name)
    assert numbers(seen.items) == list(range(5000))


# A long history


async def test_what_a_slow_handler_gives_back_keeps_its_place(queue: MessageQueue) -> None:
    event, seen, go_on = numbered(), Seen[int](), asyncio.Event()
    group = Group(fresh("group"))

    @group.on(event)
    async def take(message: Numbered) -> None:
        seen.add(message.number)
        await go_on.wait()

    async def holds(count: int) -> bool:
        [row] = [row for row in (await queue.status()).groups if row.group == group.name]
        return row.in_hand == count

    async with Worker(queue, [group]):
        await queue.publish_many([event(number) for number in range(100)])
        await until(partial(holds, 1), "the others are given back")
        go_on.set()
        await seen.has(100)
    assert seen.items == list(range(100))


async def test_a_pattern_gets_a_long_history_in_order(queue: MessageQueue) -> None:
    """Page by page, while more is published: in the order of all subjects together, and none twice."""
    top, seen, group = fresh_subject(), Seen[int](), Group(fresh("group"))
    events = [numbered(f"{top}.{word}") for word in ("a", "b", "c")]

    @group.on(f"{top}.*")
    async def take(message: Received) -> None:
        seen.add(message.data["number"])

    for first in range(0, 6000, 100):
        batch = range(first, first + 100)
        await queue.publish_many([events[number % 3](number) for number in batch])
    async with Worker(queue, [group]):
        await queue.publish_many([events[0](number) for number in range(6000, 6100)])
        arrived = await seen.has(6100)
        await all_handled(queue, group.name)
    assert arrived == list(range(6100))


async def test_order_over_subjects_outlives_a_clock_that_is_set_back(
    queue: MessageQueue, server: RedisServer
) -> None:
    top = fresh_subject()
    events = [numbered(f"{top}.{word}") for word in ("a", "b", "c")]
    await redis_cli(server, "SET", "{dovetail}:last", "9999999999999-5")
    for number in range(30):
        await queue.publish(events[number % 3](number))
    await redis_cli(server, "DEL", "{dovetail}:last")
    await queue.publish_many([events[2](number) for number in range(30, 40)])
    waiting = await queue.waiting(f"{top}.*", fresh("group"))
    assert [one.data["number"] for one in waiting] == list(range(40))


# Delays


@pytest.mark.slow
async def test_many_delayed_messages_slow_nothing(new_redis_server: NewServer) -> None:
    """100,000 wait for their next attempt; handling others takes a tenth longer at most."""
    idle, laden = await new_redis_server(), await new_redis_server()
    failing, event, seen = numbered(), numbered(), Seen[Numbered]()
    group = Group(fresh("group"))
    group.on(failing)(_adding(seen))
    group.on(event)(_adding(seen))

    async def took(queue: MessageQueue, count: int = 4000) -> float:
        done = len(seen) + count
        started = time.perf_counter()
        for _ in range(0, count, 1000):
            await queue.publish_many([event(number) for number in range(1000)])
        await seen.has(done)
        return time.perf_counter() - started

    async with (
        connect(idle.url) as one,
        connect(laden.url) as other,
        Worker(one, [group]),
        Worker(other, [group]),
    ):
        await _delay(laden, group.name, failing.__subject__, 100_000)
        # By turns, and the best of each: the machine has other things to do as well.
        times = [(await took(one), await took(other)) for _ in range(6)]
        while not _hardly_differ(times) and len(times) < 40:
            times.append((await took(one), await took(other)))
        rows = (await other.status()).groups
    assert [row.in_hand for row in rows if row.subject == failing.__subject__] == [100_000]
    assert _hardly_differ(times)


def _hardly_differ(times: list[tuple[float, float]]) -> bool:
    without, laden = (min(column) for column in zip(*times, strict=True))
    return bool(laden < without * 1.1)


async def _delay(server: RedisServer, group: str, subject: str, count: int) -> None:
    """As many messages as if each had failed once."""
    script = """
    for i = 1, ARGV[1] do
      local fields = {'dovetail-key', i .. '-0', 'dovetail-attempt', '2', 'body', string.rep('x', 300)}
      redis.call('ZADD', KEYS[1], redis.call('TIME')[1] * 1000 + 3600000 + i, cmsgpack.pack(fields))
    end"""
    key = f"{{dovetail}}:delayed:{group}:{subject}"
    await redis_cli(server, "EVAL", script, "1", key, str(count))


async def test_count_of_what_waits_is_right_after_restarts(
    queue: MessageQueue, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server forgets how much a group has read since its append-only file was rewritten."""
    monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.05)
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    async def waiting() -> int:
        return (await queue.status()).groups[0].waiting

    async with Worker(queue, [group]):
        for number in range(2):
            await queue.publish_many([event(number)] * 5)
            await seen.has(5 * number + 5)
            await all_handled(queue, group.name)
            await redis_cli(server, "BGREWRITEAOF" if number == 0 else "PING")
            await until(lambda: _rewritten(server), "the file is rewritten")
    await server.kill()
    await server.start()
    assert await waiting() == 0

    async def counted() -> bool:
        groups = await redis_cli(
            server, "XINFO", "GROUPS", f"{{dovetail}}:events:{event.__subject__}"
        )
        return groups.endswith("lag\n0")

    await until(counted, "it is counted anew")
    await queue.publish(event(1))
    assert await waiting() == 1


async def _rewritten(server: RedisServer) -> bool:
    info = await redis_cli(server, "INFO", "persistence")
    return "aof_rewrite_in_progress:0" in info and "aof_rewrite_scheduled:0" in info


async def test_many_due_at_once_do_not_hold_up_others(
    queue: MessageQueue, server: RedisServer
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(-1))
        await seen.has(1)
        body = await redis_cli(
            server, "XRANGE", f"{{dovetail}}:events:{event.__subject__}", "-", "+"
        )
        script = """
        for i = 1, ARGV[2] do
          local fields = {'dovetail-key', i .. '-0', 'dovetail-attempt', '2', 'body', ARGV[1]}
          redis.call('ZADD', KEYS[1], 0, cmsgpack.pack(fields))
        end"""
        key = f"{{dovetail}}:delayed:{group.name}:{event.__subject__}"
        await redis_cli(server, "EVAL", script, "1", key, body.split("\n")[2], "20000")
        longest = 0.0
        while len(seen) < 20_001:
            started = time.perf_counter()
            await queue.publish(numbered()(1))
            longest = max(longest, time.perf_counter() - started)
        await all_handled(queue, group.name)
    assert len(seen) == 20_001
    assert longest < 1


def _adding(seen: Seen[Numbered]) -> Callable[[Numbered], Awaitable[None]]:
    async def add(message: Numbered) -> None:
        seen.add(message)

    return add
