"""What one publisher does wrong on Redis is not suffered by those who publish in the same turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dovetail import ConfigurationError, MessageQueue, connect
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis.client import Client

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def queue(redis_server: RedisServer) -> AsyncIterator[MessageQueue]:
    async with connect(redis_server.url) as queue:
        yield queue


@pytest.mark.parametrize(("body", "id"), [(b"", "\udc80"), ("text", "id")])
async def test_what_cannot_be_sent_is_refused_alone(
    queue: MessageQueue, body: Any, id: str
) -> None:
    event = numbered()
    async with asyncio.timeout(10):
        refused, _ = await asyncio.gather(
            queue.publish_raw(event.__subject__, body, id=id),
            queue.publish(event(1)),
            return_exceptions=True,
        )
    assert isinstance(refused, ConfigurationError)
    waiting = await queue.waiting(event, fresh("group"))
    assert [one.data["number"] for one in waiting] == [1]


async def test_what_nobody_foresaw_is_told(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.setattr(Client, "script", fail)
    with pytest.raises(RuntimeError, match="nobody foresaw it"):
        async with asyncio.timeout(10):
            await queue.publish(numbered()(1))
