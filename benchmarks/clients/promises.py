"""What each library does when a connection is lost, a reader is slow, or the server takes no messages.

`python -m benchmarks.clients.promises` shows it on real servers, for the versions that are installed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from importlib.metadata import version
from urllib.parse import urlsplit

import aiormq
import coredis
import nats
from coredis.retry import NoRetryPolicy
from nats.js import JetStreamContext
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from benchmarks.candidate import LOOK_SECONDS
from benchmarks.clients.quorum import ARGUMENTS, QUEUE
from dovetail.testing.servers import NatsServer, Proxy, RabbitServer, RedisServer

#: How long is waited for what may never come.
PATIENCE_SECONDS = 3.0
TASKS = 100
#: Bytes that are too few for any RabbitMQ, as a share of the memory.
NO_MEMORY = "0.000001"
NO_RETRY = Retry(NoBackoff(), 0)


async def outcome(of: Awaitable[object]) -> str:
    """What came of it, and after how long."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await of
        said = "done"
    except TimeoutError as error:
        said = f"over its time limit ({error})" if str(error) else "still waiting"
    except Exception as error:  # noqa: BLE001 - which one it is, is what we want to know
        said = type(error).__name__
    return f"{said} after {time.monotonic() - started:.1f} s"


async def lose_answers(proxy: Proxy) -> None:
    """The server does what it was asked; then the connection is cut, before anyone hears of it."""
    proxy.swallow_answers = True
    await asyncio.sleep(0.2)
    proxy.cut()
    proxy.swallow_answers = False


async def nats_py() -> None:
    """A slow subscriber, and answers that are lost."""
    dropped: list[Exception] = []
    handled = 0

    async def note(error: Exception) -> None:
        dropped.append(error)

    async def handle(message: object) -> None:
        nonlocal handled
        handled += 1
        await asyncio.sleep(0.001)

    async with NatsServer() as server, Proxy(server) as proxy:
        client = await nats.connect(server.url, error_cb=note)
        await client.subscribe("slow", cb=handle, pending_msgs_limit=10)
        for _ in range(TASKS):
            await client.publish("slow", b"")
        await client.flush()
        while handled + len(dropped) < TASKS:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_SECONDS)
        print(
            f"  subscriber with a limit of 10: {handled} of {TASKS} handled, {len(dropped)} errors told"
        )
        await client.close()
        for again in (True, False):
            client = await nats.connect(proxy.url, error_cb=note, allow_reconnect=again)
            stream = client.jetstream(timeout=2)
            await stream.add_stream(name="S", subjects=["s"])
            await _nats_answers_lost(proxy, stream)
            print(f"  allow_reconnect={again}: closed with the connection: {client.is_closed}")
            await client.close()


async def _nats_answers_lost(proxy: Proxy, stream: JetStreamContext) -> None:
    await stream.publish("s", b"")
    proxy.swallow_answers = True
    future = await stream.publish_async("s", b"")
    waiting = asyncio.create_task(stream.publish("s", b""))
    await lose_answers(proxy)
    said = await asyncio.gather(outcome(waiting), outcome(asyncio.shield(future)))
    print(f"  answers lost with the connection: publish {said[0]}; publish_async {said[1]}")


async def redis_py() -> None:
    """Answers that are lost, with and without its own repetitions, and how many connections tasks take."""
    async with RedisServer() as server, Proxy(server) as proxy:
        host, port = urlsplit(proxy.url).hostname or "", urlsplit(proxy.url).port or 0
        for name, client in (
            ("Redis()", Redis(host=host, port=port)),
            ("Redis(retry=Retry(NoBackoff(), 0))", Redis(host=host, port=port, retry=NO_RETRY)),
            ("Redis.from_url()", Redis.from_url(proxy.url)),
        ):
            await client.delete("k")
            added = _as_task(client.xadd("k", {"a": "1"}))
            said = await _redis_answers_lost(proxy, added)
            print(f"  {name}: answer to XADD lost: {said}, {await client.xlen('k')} entries")
            await client.aclose()
        client = Redis.from_url(server.url)
        await asyncio.gather(*(client.xadd("k", {"a": "1"}) for _ in range(TASKS)))
        print(f"  {TASKS} tasks: {len(await client.client_list())} connections")
        await client.aclose()


async def coredis_() -> None:
    """The same with coredis."""
    async with RedisServer() as server, Proxy(server) as proxy:
        for name, make in (
            ("Redis()", coredis.Redis.from_url(proxy.url)),
            (
                "Redis(retry_policy=NoRetryPolicy())",
                coredis.Redis.from_url(proxy.url, retry_policy=NoRetryPolicy()),
            ),
        ):
            async with make as client:
                await client.delete(["k"])
                added = _as_task(client.xadd("k", {"a": "1"}))
                said = await _redis_answers_lost(proxy, added)
                print(f"  {name}: answer to XADD lost: {said}, {await client.xlen('k')} entries")
        async with coredis.Redis.from_url(server.url) as client:
            await asyncio.gather(*(_as_task(client.xadd("k", {"a": "1"})) for _ in range(TASKS)))
            print(f"  {TASKS} tasks: {len(await client.client_list())} connections")


def _as_task(command: Awaitable[object]) -> asyncio.Task[object]:
    async def wait() -> object:
        return await command

    return asyncio.create_task(wait())


async def _redis_answers_lost(proxy: Proxy, asked: asyncio.Task[object]) -> str:
    await lose_answers(proxy)
    return await outcome(asked)


async def aiormq_() -> None:
    """Confirms that are lost, a message that no queue takes, and an alarm."""
    async with RabbitServer() as server, Proxy(server) as proxy:
        address = proxy.url.replace("://", f"://{server.login}@")
        connection = await aiormq.connect(address)
        channel = await connection.channel(publisher_confirms=True)
        await channel.queue_declare(QUEUE, durable=True, arguments=ARGUMENTS)
        returned = channel.basic_publish(b"", routing_key="nobody", mandatory=True)
        print(f"  no queue takes the message: {await outcome(returned)}")
        waiting = asyncio.ensure_future(channel.basic_publish(b"", routing_key=QUEUE))
        await lose_answers(proxy)
        print(
            f"  confirm lost with the connection: {await outcome(waiting)}; closed: {connection.is_closed}"
        )
        connection = await aiormq.connect(server.url)
        channel = await connection.channel(publisher_confirms=True)
        await server.control("set_vm_memory_high_watermark", NO_MEMORY)
        said = ""
        while "waiting" not in said:  # the server looks at its memory every now and then
            said = await outcome(channel.basic_publish(b"", routing_key=QUEUE))
        print(f"  an alarm is on: publish {said}")
        await connection.close()


async def main() -> None:
    """Print what each does."""
    logging.disable(logging.CRITICAL)  # what they log is not told to the program that uses them
    for name, show in (
        ("nats-py", nats_py),
        ("redis", redis_py),
        ("coredis", coredis_),
        ("aiormq", aiormq_),
    ):
        print(f"{name} {version(name)}", flush=True)
        await show()


if __name__ == "__main__":
    asyncio.run(main())
