"""Workers that start while a cluster of two servers has lost one, so that nobody leads."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dovetail import QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import NatsCluster

pytestmark = [pytest.mark.faults, pytest.mark.asyncio]

#: Seconds: for a hang; and what a request to JetStream may take here, rather than twenty.
LONG, SHORT = 60.0, 1.0


async def test_joining_waits_for_the_cluster(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dovetail.transports.nats.transport.API_SECONDS", SHORT)
    monkeypatch.setattr("dovetail.transports.nats.jetstream.ELECTION_SECONDS", 0.0)
    event, seen = numbered(), Seen[Numbered]()

    async def waits() -> bool:
        said = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        return any("cannot join now, still trying" in one for one in said)

    async with NatsCluster(size=2) as cluster:
        one, other = cluster.servers
        async with connect(one.url, patience=None) as patient, connect(one.url) as publishing:
            await other.kill()
            async with connect(one.url, patience=SHORT) as hasty:
                with pytest.raises(QueueUnavailable, match="are most servers of the cluster up"):
                    async with Worker(hasty, [recording(event, seen)]):
                        pass
            caplog.clear()
            worker = Worker(patient, [recording(event, seen)])
            going = asyncio.create_task(worker.__aenter__())
            await until(waits, "it says that it waits")
            assert not going.done()
            await other.start()
            await cluster.ready()
            await asyncio.wait_for(going, LONG)
            await publishing.publish(event(1))
            await seen.has(1)
            await worker.stop()
