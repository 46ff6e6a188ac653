"""The queue in memory."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import Worker, connect
from dovetail.testing import Features, TransportConformance
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen
from dovetail.transports.common import trimming
from dovetail.transports.memory import transport


class TestMemory(TransportConformance):
    features = Features(processes=False, server=False)

    @pytest.fixture
    def address(self) -> str:
        return f"memory://{fresh('queue')}"

    @pytest.fixture
    def own_address(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
        return f"memory://{fresh('queue')}"

    async def test_closed_listeners_leave_nothing_behind(self, address: str) -> None:
        async with connect(address) as queue:
            assert isinstance(queue.transport, transport.MemoryTransport)
            for _ in range(3):
                async with aclosing(queue.listen(numbered())) as messages:
                    waiting = asyncio.ensure_future(anext(messages))
                    await asyncio.sleep(0)
                    assert len(queue.transport._store.live.listeners) == 1
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)
                assert not queue.transport._store.live.listeners

    async def test_history_that_no_group_has_handled_stays(self, own_address: str) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with connect(own_address, keep=timedelta(0)) as queue:
            await queue.publish(event(1))
            async with Worker(queue, [group := recording(numbered(), seen)]):
                assert isinstance(queue.transport, transport.MemoryTransport)
                queue.transport._store.trim(datetime.now(UTC))
            assert (await queue.status()).messages == 1
            assert len(await queue.waiting(event, group.name)) == 1
