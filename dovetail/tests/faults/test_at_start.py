"""A queue that is not there when somebody connects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dovetail import QueueUnavailable, connect
from dovetail.embedded.ports import free_port
from dovetail.testing.servers import Server

pytestmark = pytest.mark.faults

SETTING = "TODO_QUEUE_URL"
SECRET = "s3cret-word"

NewServer = Callable[[], Awaitable[Server]]


@pytest.fixture(params=["new_nats_server", "new_redis_server", "new_rabbit_server"])
def new_server(request: pytest.FixtureRequest) -> NewServer:
    found: NewServer = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("scheme", ["nats", "redis", "amqp"])
async def test_nothing_listens_there(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    url = f"{scheme}://u:{SECRET}@127.0.0.1:{free_port()}"
    with pytest.raises(QueueUnavailable) as caught:
        await connect(url, setting=SETTING, patience=0.3).__aenter__()
    assert "nothing listens there (connection refused)" in str(caught.value)
    assert SETTING in str(caught.value)
    assert SECRET not in f"{caught.value}{caplog.text}"
    assert "waiting for it" in caplog.text


async def test_waits_until_it_is_there(new_server: NewServer) -> None:
    server = await new_server()
    await server.kill()
    queue = connect(server.url, patience=None)
    entering = asyncio.create_task(queue.__aenter__())
    await asyncio.sleep(0)
    await server.start()
    await entering
    assert queue.connected
    await queue.__aexit__(None, None, None)
