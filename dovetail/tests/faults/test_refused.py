"""Wrong addresses and passwords: one line, the setting's name, no password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from dovetail import ConfigurationError, MessageQueue, QueueUnavailable, connect, connecting
from dovetail.embedded.ports import free_port
from dovetail.testing.conformance.names import numbered
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import NatsServer

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


async def test_nothing_listens_there(caplog: pytest.LogCaptureFixture) -> None:
    url = f"nats://u:{SECRET}@127.0.0.1:{free_port()}"
    with pytest.raises(QueueUnavailable) as caught:
        await connect(url, setting=SETTING, patience=0.3).__aenter__()
    assert "nothing listens there (connection refused)" in str(caught.value)
    assert SETTING in str(caught.value)
    assert SECRET not in f"{caught.value}{caplog.text}"
    assert "waiting for it" in caplog.text


async def test_waits_at_start_until_it_is_there(new_nats_server: NewServer) -> None:
    server = await new_nats_server()
    await server.kill()
    queue = connect(server.url, patience=None)
    entering = asyncio.create_task(queue.__aenter__())
    await asyncio.sleep(0)
    await server.start()
    await entering
    assert queue.connected
    await queue.__aexit__(None, None, None)


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
        await until(lambda: _said(caplog, "Authorization Violation"), "it says why it cannot")
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


async def _said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def _connected(queue: MessageQueue) -> bool:
    return queue.connected
