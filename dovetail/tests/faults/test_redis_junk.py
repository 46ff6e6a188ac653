"""What others write where only ours belongs, on Redis: it is left alone, or ends among the dead letters."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from dovetail import Backoff, CommandClaimed, Group, MessageQueue, Worker, connect
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, order
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.transport import RedisTransport
from dovetail.transports.redis.trimming import trim

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults

DEAD, COUNTS = "{dovetail}:dead", "{dovetail}:dead:counts"
#: Of which nothing is text, a number, JSON, MessagePack or a pattern of Lua's.
JUNK = b"[\xff%"


@pytest_asyncio.fixture
async def queue(new_redis_server: NewServer) -> AsyncIterator[MessageQueue]:
    server = await new_redis_server()
    async with connect(server.url) as queue:
        yield queue


def client_of(queue: MessageQueue) -> Client:
    assert isinstance(queue.transport, RedisTransport)
    return queue.transport._client


def failing(event: type[Numbered]) -> Group:
    group = Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def fail(message: Numbered) -> None:
        raise ValueError("no")

    return group


async def test_junk_among_the_dead_letters(
    queue: MessageQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names its id; the letters beside it are listed, counted, replayed and dropped."""
    caplog.set_level(logging.WARNING)
    event, run = numbered(), client_of(queue).run
    async with Worker(queue, [group := failing(event)]):
        await queue.publish_many([event(number) for number in range(2)])
        await all_handled(queue, group.name)
        letters = await queue.dead_letters.list()
        strays = [
            await run("XADD", DEAD, "*", *fields)
            for fields in (
                ("a", "b"),
                ("letter", JUNK),
                ("letter", "5"),
                ("letter", "{}"),
                ("letter", b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"),
            )
        ]
        await run("HSET", COUNTS, JUNK, JUNK)
        assert await queue.dead_letters.list() == letters
        assert await queue.dead_letters.list(ids=[strays[0].decode()]) == []
        assert await queue.dead_letters.count() == {group.name: 2}
        assert await queue.dead_letters.count(subject=event.__subject__) == {group.name: 2}
        for stray in strays:
            assert f"among the dead letters as {stray.decode()} is none" in caplog.text
        await queue.dead_letters.replay(letters[0])
        await all_handled(queue, group.name)
        assert await queue.dead_letters.replay_all(group=group.name) == 2
        await all_handled(queue, group.name)
        assert await queue.dead_letters.drop_all() == 2
        assert await queue.dead_letters.list() == []
        assert await run("XLEN", DEAD) == len(strays)
    await queue.remove_group(group.name)
    assert await run("XLEN", DEAD) == len(strays)


async def test_junk_in_the_place_of_a_count_of_dead_letters(queue: MessageQueue) -> None:
    event, run = numbered(), client_of(queue).run
    group = failing(event)
    await run("HSET", COUNTS, f"{group.name}:{event.__subject__}", JUNK)
    async with Worker(queue, [group]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
    assert await queue.dead_letters.count() == {group.name: 1}
    await run("HSET", COUNTS, f"{group.name}:{event.__subject__}", JUNK)
    assert [row.dead for row in (await queue.status()).groups] == [0]
    assert await queue.dead_letters.drop_all() == 1
    assert await queue.dead_letters.count() == {}


async def test_junk_in_the_registry(queue: MessageQueue) -> None:
    """A worker starts on it, publishes, trims; status says what there is."""
    event, seen, run = numbered(), Seen[Numbered](), client_of(queue).run
    group = recording(event, seen)
    claim = f"{group.name}:{event.__subject__}"
    for key in ("claims", "patterns", "names", "left", "founding", f"members:{claim}"):
        await run("HSET", f"{{dovetail}}:{key}", JUNK, JUNK)
    await run("HSET", "{dovetail}:left", claim, JUNK)
    for key in ("released", "subjects"):
        await run("SADD", f"{{dovetail}}:{key}", JUNK)
    for key in ("bytes", "last"):
        await run("SET", f"{{dovetail}}:{key}", JUNK)
    await queue.ping()
    async with Worker(queue, [group]):
        await queue.publish(event(1))
        await seen.has(1)
        await all_handled(queue, group.name)
        assert [(row.group, row.running) for row in await queue.transport.members()] == [
            (group.name, 1)
        ]
        await trim(client_of(queue), QueueOptions(keep=timedelta(0), limit_bytes=10**6))
    assert [row.group for row in (await queue.status()).groups] == [group.name]
    assert await run("HGET", f"{{dovetail}}:members:{claim}", JUNK) is None
    await queue.publish(event(2))


async def test_junk_among_what_waits_for_its_time(queue: MessageQueue) -> None:
    """It comes to a handler as a message that cannot be decoded, and holds up nobody."""
    event, seen, run = numbered(), Seen[Numbered](), client_of(queue).run
    group = Group(fresh("group"), retry=Backoff(first=0.01))
    delayed = f"{{dovetail}}:delayed:{group.name}:{event.__subject__}"
    # of MessagePack: a number, an empty list, a list of one, a list in a list, and a message without a key
    odd = [JUNK, b"\x05", b"\x90", b"\x91\xa1a", b"\x92\xa1a\x90", b"\x92\xa4body\xa1x"]

    @group.on(event)
    async def fail_once(message: Numbered) -> None:
        seen.add(message)
        if len(seen) == 1:
            raise ValueError("later")

    async with Worker(queue, [group]):
        pass
    for one in odd:
        await run("ZADD", delayed, 9 * 10**15, one)
    assert [row.in_hand for row in (await queue.status()).groups] == [len(odd)]
    assert len(await queue.waiting(event, group.name)) == len(odd)
    for one in odd:
        await run("ZADD", delayed, 1, one)
    async with Worker(queue, [group]):
        await queue.publish(event(1))
        await seen.has(2)
        await all_handled(queue, group.name)
    letters = await queue.dead_letters.list(group=group.name)
    assert {letter.body for letter in letters} == {*odd[:-1], b"x"}


async def test_group_is_removed_with_junk_that_waits_for_its_time(queue: MessageQueue) -> None:
    command, run = order(), client_of(queue).run
    group = recording(command, Seen[Order]())
    async with Worker(queue, [group]):
        pass
    await run("ZADD", f"{{dovetail}}:delayed:{group.name}:{command.__subject__}", 9 * 10**15, JUNK)
    await queue.remove_group(group.name)
    assert (await queue.status()).groups == []


async def test_junk_as_the_group_of_a_command(queue: MessageQueue) -> None:
    command, run = order(), client_of(queue).run
    await run("HSET", "{dovetail}:commands", command.__subject__, JUNK)
    with pytest.raises(CommandClaimed):
        async with Worker(queue, [recording(command, Seen[Order]())]):
            pass
