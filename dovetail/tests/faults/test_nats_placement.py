"""Streams with three copies, wanted while only two servers have joined."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import MessageQueue, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import numbered, order
from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers import NatsCluster

pytestmark = [pytest.mark.faults, pytest.mark.asyncio]

#: Seconds; nobody waits that long, and a busy cluster says no within the second.
LONG = 60.0
SHORT = 3.0
TOO_FEW = "cannot have 3 copies now: no suitable peers"


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[NatsCluster]:
    """One that has yet to grow to three servers."""
    async with NatsCluster(size=2) as cluster:
        yield cluster


def connected(cluster: NatsCluster, timeout: float, patience: float | None = None) -> MessageQueue:
    return connect(cluster.url, replicas=3, timeout=timeout, patience=patience)


async def test_publishing_goes_on_trying(cluster: NatsCluster) -> None:
    event = numbered()
    async with connected(cluster, LONG) as patient, connected(cluster, SHORT) as hasty:
        going = asyncio.create_task(patient.publish(event(1)))
        with pytest.raises(QueueUnavailable, match=TOO_FEW) as caught:
            await hasty.publish(event(2), id="the-second")
        assert caught.value.id == "the-second"
        assert not going.done()
        await cluster.grow()
        await asyncio.wait_for(going, LONG)


async def test_claiming_goes_on_trying(
    cluster: NatsCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dovetail.network.connecting.REPORT_SECONDS", SHORT / 2)
    async with connected(cluster, LONG) as patient, connected(cluster, LONG, SHORT) as hasty:
        worker = Worker(patient, [recording(order(), Seen())])
        going = asyncio.create_task(worker.__aenter__())
        with pytest.raises(QueueUnavailable, match=TOO_FEW):
            async with Worker(hasty, [recording(order(), Seen())]):
                pass
        assert not going.done()
        warnings = [one.message for one in caplog.records if one.levelno == logging.WARNING]
        assert any(TOO_FEW in one and one.endswith("; still trying") for one in warnings)
        await cluster.grow()
        await asyncio.wait_for(going, LONG)
        await worker.__aexit__(None, None, None)
