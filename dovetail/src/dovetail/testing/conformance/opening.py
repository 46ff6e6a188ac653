"""A queue before it is entered, while it is open, and after its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dovetail import ConfigurationError, Group, MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import fresh, numbered, order, question

EVENT, ORDER, QUESTION = numbered(), order(), question()


async def _listen(queue: MessageQueue) -> None:
    await anext(queue.listen(EVENT))


async def _work(queue: MessageQueue) -> None:
    group = Group(fresh("group"))

    @group.on(EVENT)
    async def handle(message: Any) -> None: ...

    await Worker(queue, [group]).__aenter__()


async def _list(queue: MessageQueue) -> None:
    await queue.dead_letters.list()


USES: dict[str, Callable[[MessageQueue], Awaitable[Any]]] = {
    "publish": lambda queue: queue.publish(EVENT()),
    "live": lambda queue: queue.publish(EVENT(), durable=False),
    "publish_many": lambda queue: queue.publish_many([EVENT()]),
    "publish_raw": lambda queue: queue.publish_raw(EVENT.__subject__, b"1"),
    "send": lambda queue: queue.send(ORDER()),
    "request": lambda queue: queue.request(QUESTION()),
    "gather": lambda queue: queue.gather(QUESTION()),
    "waiting": lambda queue: queue.waiting(EVENT, "group"),
    "status": lambda queue: queue.status(),
    "ping": lambda queue: queue.ping(),
    "listen": _listen,
    "dead letters": _list,
    "worker": _work,
}


class Opening(Conformance):
    """It is entered once, and used until its end; all else is refused at once, in the same words."""

    async def test_used_before_it_is_entered_and_after_its_end(self, address: str) -> None:
        queue = connect(address)
        for use in USES.values():
            with pytest.raises(QueueUnavailable, match="is not open yet"):
                await use(queue)
        connected = [queue.connected]
        async with queue:
            connected.append(queue.connected)
            await queue.ping()
        for use in USES.values():
            with pytest.raises(QueueUnavailable, match="was closed"):
                await use(queue)
        assert [*connected, queue.connected] == [False, True, False]

    async def test_entered_twice(self, address: str) -> None:
        async with connect(address) as queue:
            with pytest.raises(ConfigurationError, match="is open already"):
                async with queue:
                    pass
            await queue.publish(EVENT())

    async def test_entered_again_after_its_end(self, address: str) -> None:
        queue = connect(address)
        async with queue:
            pass
        with pytest.raises(ConfigurationError, match="was closed"):
            async with queue:
                pass
