"""Wrong passwords, servers that are too old or would lose messages: Redis. One line each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from dovetail import (
    ConfigurationError,
    MessageQueue,
    QueueUnavailable,
    Unsupported,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import RedisServer

from .cut_off import said
from .redis_cli import redis_cli

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults

SETTING = "TODO_QUEUE_URL"
SECRET = "s3cret-word"
LOCKED = {"requirepass": "right"}


async def refused(url: str) -> ConfigurationError:
    """What connecting raises at once: waiting does not make it right."""
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        await connect(url, setting=SETTING).__aenter__()
    assert time.monotonic() - started < 3
    assert caught.value.setting == SETTING
    assert SETTING in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "login", [f":{SECRET}@", f"u:{SECRET}@", ""], ids=["password", "user", "none"]
)
async def test_wrong_password(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    server = await new_redis_server(settings=LOCKED)
    error = await refused(f"redis://{login}127.0.0.1:{server.port}")
    assert "refused the user, the password" in str(error)
    assert SECRET not in f"{error} {error.__cause__!r} {caplog.text}"


async def test_right_password(new_redis_server: NewServer) -> None:
    server = await new_redis_server(settings=LOCKED, login=":right")
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url) as queue, Worker(queue, [recording(event, seen)]):
        await queue.publish(event(1))
        await seen.has(1)
        assert (await queue.status()).address == f"redis://127.0.0.1:{server.port}"
        assert "right" not in repr(queue.transport.__dict__)


@pytest.mark.parametrize(
    ("may", "says"),
    [
        ("~* +@read", "no permissions to run the 'eval"),
        ("~* +@read +@scripting", "can't run this command"),
        ("~other +@all", "can't access at least one of the keys|no permissions to access"),
    ],
)
async def test_user_who_may_not_publish(new_redis_server: NewServer, may: str, says: str) -> None:
    server = await new_redis_server()
    rights = [*may.split(), "+@connection", "+info", "&*", "+exists"]
    await redis_cli(
        server, "ACL", "SETUSER", "reader", "on", ">pw", "%R~{dovetail}:claims", *rights
    )
    async with connect(f"redis://reader:pw@127.0.0.1:{server.port}", setting=SETTING) as queue:
        with pytest.raises(ConfigurationError, match=says) as caught:
            await queue.publish(numbered()(1))
    assert caught.value.setting == SETTING


async def test_password_changed_while_connected(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on trying, says why it cannot, and is back when the password is right again."""
    server = await new_redis_server(settings=LOCKED, login=":right")
    async with connect(server.url, setting=SETTING, timeout=0.3) as queue:
        await server.kill()
        server.settings = {"requirepass": SECRET}
        await server.start()
        await until(lambda: said(caplog, "WRONGPASS"), "it says why it cannot")
        with pytest.raises(QueueUnavailable):
            await queue.publish(numbered()(1))
        await server.kill()
        server.settings = LOCKED
        await server.start()
        await until(lambda: _connected(queue), "the connection is back")
        await queue.publish(numbered()(1))
    assert SETTING in caplog.text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak the Redis protocol"),
        (b"", "closed by the server"),
        (b"-ERR max number of clients reached\r\n", "max number of clients"),
        (b"-MOVED 1 .internal:6379\r\n", "it names a server that there cannot be: '.internal'"),
        (b"-MOVED 1 a:b\r\n", "it names a server that there cannot be: 'a', port 'b'"),
    ],
)
async def test_something_else_listens_there(answer: bytes, says: str) -> None:
    async with Answering(answer) as url:
        with pytest.raises(QueueUnavailable, match=says):
            await connect(url, patience=0.1).__aenter__()


@pytest.mark.parametrize(
    "answer",
    [
        b"-ERR unknown command `HELLO`, with args beginning with: `3`\r\n",
        b"%4\r\n+version\r\n+6.2.14\r\n+proto\r\n:3\r\n+id\r\n:1\r\n+role\r\n+master\r\n",
    ],
    ids=["5.0", "6.2"],
)
async def test_server_is_too_old(answer: bytes) -> None:
    async with Answering(answer) as url:
        assert "7.0 or later is needed" in str(await refused(url))


async def test_server_that_would_throw_messages_away(new_redis_server: NewServer) -> None:
    server = await new_redis_server(
        settings={"maxmemory": "50mb", "maxmemory-policy": "allkeys-lru"}
    )
    assert "set its maxmemory-policy to noeviction" in str(await refused(server.url))


@pytest.mark.parametrize("maxmemory", ["50mb", "0"])
async def test_server_that_would_forget_ids(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture, maxmemory: str
) -> None:
    """They are all that expires."""
    server = await new_redis_server(
        settings={"maxmemory": maxmemory, "maxmemory-policy": "volatile-lru"}
    )
    async with connect(server.url):
        warned = "forgets ids when its memory is full" in caplog.text
    assert warned == (maxmemory != "0")


def test_copies_are_a_matter_of_the_server() -> None:
    with pytest.raises(Unsupported, match="min-replicas-to-write") as caught:
        connect("redis://localhost", replicas=3)
    assert caught.value.setting == "replicas"


async def test_server_that_keeps_nothing_over_a_restart(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await new_redis_server(appendonly=False)
    async with connect(server.url):
        assert "set appendonly to yes" in caplog.text


@pytest.mark.parametrize("appendfsync", ["everysec", "always", "no"])
async def test_server_that_may_confirm_before_it_writes(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture, appendfsync: str
) -> None:
    server = await new_redis_server(settings={"appendfsync": appendfsync})
    async with connect(server.url):
        warned = "set appendfsync to always" in caplog.text
    assert warned == (appendfsync == "everysec")


async def test_user_who_may_not_ask_for_the_settings(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await new_redis_server(settings={"appendfsync": "everysec"})
    await redis_cli(server, "ACL", "SETUSER", "u", "on", ">p", "~*", "&*", "+@all", "-config")
    event = numbered()
    async with connect(f"redis://u:p@127.0.0.1:{server.port}") as queue:
        await queue.publish(event(1))
    assert "appendfsync" not in caplog.text


async def test_database(new_redis_server: NewServer) -> None:
    server = await new_redis_server(settings={"databases": "4"})
    assert "has no database 4" in str(await refused(f"{server.url}/4"))
    assert f"has no database {10**20}" in str(await refused(f"{server.url}/{10**20}"))
    event = numbered()
    async with connect(f"{server.url}/3") as three, connect(server.url) as zero:
        await three.publish(event(1))
        assert (await three.status()).messages == 1
        assert (await zero.status()).messages == 0
        assert (await three.status()).address == f"{server.url}/3"


class Answering:
    """A server that says the same to everybody; its address."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._say, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(self._answer)
        writer.close()


async def _connected(queue: MessageQueue) -> bool:
    return queue.connected
