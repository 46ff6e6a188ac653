"""The connection to Redis is cut, or swallows what it carries, while the server lives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from dovetail import DeadLetterNotFound, Group, QueueUnavailable, Reject, Worker, connect
from dovetail.delivery import Claim
from dovetail.embedded.ports import free_port
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import Numbered, fresh, numbered, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import Proxy, RedisServer
from dovetail.transports.redis import client, limits
from dovetail.transports.redis.lease_renewal import LeaseRenewal
from dovetail.transports.redis.subscription import RedisSubscription
from dovetail.transports.redis.topology import events_of
from dovetail.transports.redis.transport import RedisTransport

from .cut_off import CutOff
from .redis_cli import redis_cli

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(redis_server) as proxy:
        yield proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after half a second rather than after five."""
    monkeypatch.setattr(limits, "PING_SECONDS", 0.5)


class TestCutOffRedis(CutOff):
    pass


@pytest.mark.parametrize("replayed", [1, 0])
async def test_letter_whose_answer_was_lost_is_not_looked_for_again(
    proxy: Proxy, redis_server: RedisServer, replayed: int
) -> None:
    event, group = numbered(), Group(fresh("group"))

    @group.on(event)
    async def reject(message: Numbered) -> None:
        raise Reject("no")

    async def gone() -> bool:
        return not await queue.dead_letters.list(group=group.name)

    async with connect(redis_server.url) as queue, connect(proxy.url) as operator:
        async with Worker(queue, [group]):
            await queue.publish_many([event(1), event(2)])
            await all_handled(queue, group.name)
        letter, other = await operator.dead_letters.list(group=group.name)
        await operator.dead_letters.drop(other)  # and the server knows the script
        letters, script = operator.dead_letters, client.Client.script
        act = letters.replay if replayed else letters.drop

        async def unanswered(self: client.Client, name: str, *arguments: Any) -> Any:
            proxy.swallow_answers = True
            return await script(self, name, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client.Client, "script", unanswered)
            acting = asyncio.create_task(act(letter))
            await until(gone, "the letter is gone")
        proxy.swallow_answers = False
        proxy.cut()
        await acting
        with pytest.raises(DeadLetterNotFound):
            await act(letter)
        assert len(await queue.waiting(event, group.name)) == replayed


async def test_serving_for_long_leaves_no_tasks(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members say again and again that they are there."""
    monkeypatch.setattr(limits, "SERVING_SECONDS", 0.001)
    answered, script = Seen[str](), client.Client.script

    async def counted(self: client.Client, name: str, *arguments: Any, **options: Any) -> Any:
        answered.add(name)
        return await script(self, name, *arguments, **options)

    monkeypatch.setattr(client.Client, "script", counted)
    async with connect(redis_server.url) as queue, Worker(queue, [answering(question())]):
        tasks = len(asyncio.all_tasks())
        await answered.has(50)
        assert len(asyncio.all_tasks()) <= tasks + 5


async def test_publishing_is_refused_in_time(proxy: Proxy) -> None:
    event = numbered()
    async with connect(proxy.url, timeout=0.4) as queue:
        await queue.publish(event(0))
        proxy.black_hole(on=True)
        for durable in (True, True, False):
            started = time.monotonic()
            with pytest.raises(QueueUnavailable, match="did not answer in time"):
                await queue.publish(event(1), durable=durable)
            assert time.monotonic() - started < 1.5


async def test_server_is_down(new_redis_server: NewServer) -> None:
    """Publishers are told why, live ones too; what comes after is in the suite of all transports."""
    event, server = numbered(), await new_redis_server()
    async with connect(server.url, timeout=0.2) as queue:
        await server.kill()
        for durable in (True, False):
            with pytest.raises(QueueUnavailable, match="cannot be reached"):
                await queue.publish(event(1), durable=durable)


async def test_nobody_takes_what_others_hold_before_they_are_back_too(
    new_redis_server: NewServer,
) -> None:
    """The server was away for longer than a lease; one of two members is back before the other."""
    event, group, server = numbered(), fresh("group"), await new_redis_server()
    stream = events_of(event.__subject__)
    claim = Claim(group, event.__subject__, "event", "first", lease=6, prefetch=10)
    async with Proxy(server) as proxy, connect(proxy.url) as one, connect(server.url) as other:
        slow = await one.transport.claim(claim)
        await one.publish(event(1))
        held = await slow.fetch(1)
        quick = await other.transport.claim(claim)
        assert isinstance(quick, RedisSubscription)
        assert isinstance(other.transport, RedisTransport)
        run = other.transport._client.run
        proxy.black_hole(on=True)
        await server.kill()
        await server.start()
        [[entry, member, *_]] = await run("XPENDING", stream, group, "-", "+", 10)
        await run("XCLAIM", stream, group, member, 0, entry, "IDLE", 60_000, "JUSTID")
        for _ in range(2):
            await _looks_after_leases(quick._leases)
        proxy.black_hole(on=False)
        proxy.cut()

        async def renewed() -> bool:
            return not await run("XPENDING", stream, group, "IDLE", 50_000, "-", "+", 1)

        await until(renewed, "the other renews")
        assert [row[1] for row in await run("XPENDING", stream, group, "-", "+", 10)] == [member]
        slow.ack(held)
        await all_handled(other, group)
        await asyncio.gather(slow.close(), quick.close())


async def _looks_after_leases(leases: LeaseRenewal) -> None:
    """Return when it has begun to do so once more."""
    renewal = leases._renewal

    async def again() -> bool:
        return leases._renewal > renewal

    await until(again, "it looks after leases")


async def test_acks_end_with_the_worker_that_drained_in_vain(new_redis_server: NewServer) -> None:
    event, server = numbered(), await new_redis_server()
    group = Group(fresh("group"))

    @group.on(event)
    async def handle(message: Numbered) -> None:
        await server.kill()

    async with connect(server.url) as queue:
        async with Worker(queue, [group], drain=0):
            await queue.publish(event(1))
            await until(_acking, "the message is acked")
        await until(_idle, "nobody acks any more", within=5)


async def test_acks_end_with_the_queue(new_redis_server: NewServer) -> None:
    """The member had no time to wait for them."""
    event, server = numbered(), await new_redis_server()
    claim = Claim(fresh("group"), event.__subject__, "event", "first", lease=2, prefetch=10)
    async with connect(server.url) as queue:
        await queue.publish(event(1))
        member = await queue.transport.claim(claim)
        held = await member.fetch(1)
        await server.kill()
        member.ack(held)
        closing = asyncio.create_task(member.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        assert await _acking()
    await until(_idle, "nobody acks any more", within=5)


async def test_the_master_is_found_among_several_hosts(
    redis_server: RedisServer, new_redis_server: NewServer
) -> None:
    """One does not run, one is a replica of the master."""
    address = f"{redis_server.host} {redis_server.port}"
    replica = await new_redis_server(settings={"replicaof": address})
    hosts = [free_port(), replica.port, redis_server.port]
    event = numbered()
    for number in range(6):  # in random order each time
        url = "redis://" + ",".join(f"127.0.0.1:{port}" for port in hosts)
        async with connect(url) as queue, listening(queue, event) as heard:
            await queue.publish(event(number))
            await heard.has(1)
    with pytest.raises(QueueUnavailable, match="it is a replica"):
        await connect(replica.url, patience=0.2).__aenter__()


async def test_master_that_becomes_a_replica_is_left(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A fail-over: publishing waits, and goes on at the other one; nobody takes what is there for lost."""
    first, second = await new_redis_server(), await new_redis_server()
    load = Load()
    url = f"{first.url},127.0.0.1:{second.port}"
    await redis_cli(second, "REPLICAOF", first.host, str(first.port))
    await until(lambda: _follows(second), "the replica has caught up")
    async with connect(url) as queue, Worker(queue, [load.group]):
        await load.publish(queue, range(300))
        await load.handled.has(300)
        assert await redis_cli(first, "WAIT", "1", "5000") == "1"
        await until(lambda: _reads(first), "the member waits for more")
        await redis_cli(second, "REPLICAOF", "NO", "ONE")
        await redis_cli(first, "REPLICAOF", second.host, str(second.port))
        await load.publish(queue, range(300, 600))
        await load.handled.has(600)
        await all_handled(queue, load.group.name)
    load.check(600)
    assert "has lost what it held" not in caplog.text


async def _reads(server: RedisServer) -> bool:
    return "blocked_clients:0" not in await redis_cli(server, "INFO", "clients")


async def _follows(server: RedisServer) -> bool:
    return "master_link_status:up" in await redis_cli(server, "INFO", "replication")


async def _acking() -> bool:
    return any("_send_acks" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def _idle() -> bool:
    return not await _acking()
