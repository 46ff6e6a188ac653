"""Wrong addresses and passwords: one line, the setting's name, no password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import nats
import pytest

from dovetail import (
    Backoff,
    ConfigurationError,
    Group,
    MessageQueue,
    MessageTooLarge,
    QueueUnavailable,
    Worker,
    connect,
)
from dovetail.network import connecting
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats.topology import EVENTS

from .cut_off import said

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults

SETTING = "TODO_QUEUE_URL"
SECRET = "s3cret-word"
LOCKED = "authorization { user: u, password: p }"


@pytest.mark.parametrize(
    "login",
    [f"u:{SECRET}@", f"{SECRET}@", f"{SECRET}:p@", ""],
    ids=["password", "token", "user", "none"],
)
async def test_wrong_password(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    server = await new_nats_server(config=LOCKED, login="u:p")
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match="refused the user and password") as caught:
        await connect(f"nats://{login}127.0.0.1:{server.port}", setting=SETTING).__aenter__()
    assert time.monotonic() - started < 3  # at once: waiting does not make it right
    assert caught.value.setting == SETTING
    assert SETTING in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value.__cause__!r} {caplog.text}"


async def test_right_password(new_nats_server: NewServer) -> None:
    server = await new_nats_server(config=LOCKED, login="u:p")
    async with connect(server.url) as queue:
        await queue.publish(numbered()(1))
        assert (await queue.status()).address == f"nats://127.0.0.1:{server.port}"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail\r\n", b""])
async def test_something_else_listens_there(greeting: bytes) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    other = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    says = "does not speak the NATS protocol" if greeting else "closed by the server"
    try:
        with pytest.raises(QueueUnavailable, match=says):
            await connect(f"nats://127.0.0.1:{port}", patience=0.1).__aenter__()
    finally:
        other.close()
        await other.wait_closed()


async def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "UNKNOWN_HOST_SECONDS", 0.0)
    with pytest.raises(ConfigurationError, match=SETTING) as caught:
        await connect("nats://no-such-host.invalid", setting=SETTING).__aenter__()
    assert caught.value.setting == SETTING


async def test_password_changed_while_connected(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on trying, says why it cannot, and is back when the password is right again."""
    server = await new_nats_server(config=LOCKED, login="u:p")
    async with connect(server.url, setting=SETTING, timeout=0.3) as queue:
        await server.kill()
        server.config = LOCKED.replace("password: p", f"password: {SECRET}")
        await server.start()
        await until(lambda: said(caplog, "Authorization Violation"), "it says why it cannot")
        with pytest.raises(QueueUnavailable):
            await queue.publish(numbered()(1))
        await server.kill()
        server.config = LOCKED
        await server.start()
        await until(lambda: _connected(queue), "the connection is back")
    assert SETTING in caplog.text


async def test_jetstream_is_off(new_nats_server: NewServer) -> None:
    server = await new_nats_server(
        config="accounts { A { users [{ user: u, password: p }] } }", login="u:p"
    )
    async with connect(server.url, timeout=1) as queue:
        with pytest.raises(QueueUnavailable, match="switch JetStream on there"):
            await queue.publish(numbered()(1))


@asynccontextmanager
async def greeting_of(version: str) -> AsyncIterator[str]:
    """The address of something that greets as this version does; it ends when the client has left."""
    left = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"%s"}\r\n' % version.encode())
        while line := await reader.readline():
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await left.wait()


@pytest.mark.parametrize("version", ["2.9.25", "1.4.1"])
async def test_server_is_too_old(version: str) -> None:
    async with greeting_of(version) as url:
        with pytest.raises(ConfigurationError, match=r"is too old: 2\.10 or later") as caught:
            await connect(url, setting=SETTING).__aenter__()
    assert caught.value.setting == SETTING
    assert version in str(caught.value)


@pytest.mark.parametrize(
    ("version", "warns"),
    [
        *(("2.10.22", True), ("2.11.11", True), ("2.11.12", False)),
        *(("2.12.0", True), ("2.12.2", True), ("2.12.3", False), ("2.15.1", False)),
    ],
)
async def test_server_that_may_lose_messages_is_named(
    version: str, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with greeting_of(version) as url, connect(url):
        pass
    says = f"the queue at {url} is nats-server {version}, which can lose what it confirmed"
    assert (says in caplog.text) == warns


async def test_message_over_the_servers_limit(new_nats_server: NewServer) -> None:
    """Nothing of the batch is accepted; handlers that cause one too large give their message up."""
    server = await new_nats_server(config="max_payload: 128KB")
    event, effect, group = numbered(), numbered(), Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def cause(message: Numbered) -> Numbered:
        return effect(message.number, "x" * 200_000)

    async with connect(server.url) as queue, Worker(queue, [group]):
        with pytest.raises(MessageTooLarge, match=r"65536 at most \(max_payload of nats-server\)"):
            await queue.publish_many([event(1), event(2, "x" * 200_000)])
        with pytest.raises(MessageTooLarge, match="131032 at most"):
            await queue.publish(event(2, "x" * 200_000), durable=False)
        assert (await queue.status()).messages == 0
        await queue.publish(event(3))
        await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
    assert "max_payload of nats-server" in letter.reason


async def test_message_over_the_streams_limit(new_nats_server: NewServer) -> None:
    """An operator's limit on one stream: who causes a message that is too large gives its own up."""
    server = await new_nats_server()
    event, effect, seen = numbered(), numbered(), Seen[int]()
    group = Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def cause(message: Numbered) -> Numbered | None:
        seen.add(message.number)
        return effect(1, "x" * 20_000) if message.number == 1 else None

    async with connect(server.url) as queue, Worker(queue, [group]):
        client = await nats.connect(server.url)
        config = (await client.jetstream().stream_info(EVENTS)).config
        await client.jetstream().update_stream(config, max_msg_size=10_000)
        await client.close()
        with pytest.raises(MessageTooLarge, match="10000 at most") as caught:
            await queue.publish(effect(1, "x" * 20_000))
        assert caught.value.setting == f"max_msg_size of the stream {EVENTS!r}"
        assert caught.value.size > 20_000
        await queue.publish_many([event(1), event(2)])
        await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
    assert seen.items == [1, 2]
    assert "max_msg_size" in letter.reason


async def _connected(queue: MessageQueue) -> bool:
    return queue.connected
