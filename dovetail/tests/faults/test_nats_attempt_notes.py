"""Notes of failed attempts that cannot be read: written by another program, or damaged on the disk."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from dovetail import connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import LIMIT_SECONDS
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology
from dovetail.transports.nats.delivery import NatsDelivery
from dovetail.transports.nats.in_flight import NAK
from dovetail.transports.nats.subscription import NatsSubscription
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    "note", [b"", b"junk", b'{"failed":"many"}'], ids=["empty", "junk", "type"]
)
async def test_a_note_that_cannot_be_read_counts_as_none(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture, note: bytes
) -> None:
    """The message is handed over when it comes again, and it is said once."""
    caplog.set_level(logging.WARNING, "dovetail.nats")
    event = numbered()
    claim = Claim(fresh("group"), event.__subject__, "event", "first", lease=10, prefetch=10)
    async with connect(nats_server.url) as queue, asyncio.timeout(LIMIT_SECONDS):
        assert isinstance(queue.transport, NatsTransport)
        member = cast(NatsSubscription, await queue.transport.claim(claim))
        await queue.publish(event(1))
        for _ in range(3):
            [delivery] = cast(list[NatsDelivery], await member.fetch(1))
            assert delivery.attempt == 1
            about = f"{topology.ATTEMPTS_PREFIX}{topology.consumer_name(claim)}.{delivery.key}"
            await queue.transport._publisher.publish(about, note)
            member._in_flight.settle(delivery, NAK)
        await member.close()
    assert caplog.text.count("counts as none") == 1
