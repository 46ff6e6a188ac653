"""Safeguards of the RabbitMQ transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pamqp import commands

from dovetail.delivery import Claim
from dovetail.options import QueueOptions
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.rabbitmq import (
    backfill,
    dead_letter_removal,
    delays,
    provisioning,
    publisher,
)
from dovetail.transports.rabbitmq.acks import Acks
from dovetail.transports.rabbitmq.backfill import NewArrivals
from dovetail.transports.rabbitmq.channel import Batch, Channel
from dovetail.transports.rabbitmq.dead_letter_pages import DeadLetterPages
from dovetail.transports.rabbitmq.dead_letter_removal import Removal
from dovetail.transports.rabbitmq.delivery import RabbitDelivery, again
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.subscription import RabbitSubscription
from dovetail.transports.rabbitmq.topology import HISTORY, UNCLAIMED
from dovetail.transports.rabbitmq.transport import RabbitTransport
from dovetail.transports.rabbitmq.wire import Wire
from simulation.ablations.safeguards import Safeguards, at_once, from_the_first, put_first

# Publishing


class _Unconfirmed(Batch):
    """Nobody waits for its confirms."""

    def __init__(self, size: int, done: asyncio.Future[None]) -> None:
        done.set_result(None)
        super().__init__(size, done)


def _overlook(self: Channel, content: Content) -> None:
    self.on_return(content)


# Settling


def _no_heartbeats(self: Wire, seconds: int) -> None:
    """Say nothing."""


def _ack_up_to_the_last(self: Acks) -> None:
    acked, channel = self._acked, self._channel
    if acked and channel is not None:
        self._acked = []
        channel.tell(commands.Basic.Ack(max(acked), True))


async def _ack_then_store(
    self: RabbitSubscription,
    deliveries: Sequence[RabbitDelivery],
    store: Callable[[Sequence[RabbitDelivery]], Awaitable[None]],
) -> None:
    if mine := self.in_flight.unsettled(deliveries):
        for one in mine:
            self.in_flight.ack(one)
        self.in_flight.flush()
        await asyncio.sleep(0.05)
        await store(mine)


def _again_uncounted(delivery: RabbitDelivery, attempt: int, *more: Any) -> Any:
    return again(delivery, 1, *more)


# New groups


async def _copy_nothing(*_: Any) -> int:
    return 0


async def _copy_all(self: NewArrivals, contents: list[Content]) -> list[Content]:
    return contents


async def _copy_then_bind(
    wire: Wire, wanted: Claim, options: QueueOptions, freed: Sequence[object]
) -> bool:
    channel = await Channel.open(wire, confirms=True)
    try:
        await provisioning._declare(channel, wanted, options)
        copies = wanted.kind == "event" and wanted.start != "new"
        if copies:
            await backfill.copy(channel, UNCLAIMED, wanted, None)
            await backfill.copy(channel, HISTORY, wanted, None)
        await provisioning._bind(channel, wanted)
    finally:
        await channel.close()
    return copies


@asynccontextmanager
async def _no_lock(wire: Wire, name: str) -> AsyncIterator[None]:
    yield


# Dead letters


async def _never_interrupted(self: Removal, pages: DeadLetterPages) -> bool:
    pages.on_requeued = self._settled
    await dead_letter_removal._remember(pages.channel, self._queue)
    return False


SAFEGUARDS: Safeguards = {
    "RabbitMQ: a publish waits for its confirm": ((publisher, "Batch", _Unconfirmed),),
    "RabbitMQ: what no queue takes was not accepted": ((Channel, "returned", _overlook),),
    "RabbitMQ: heartbeats renew the leases": ((Wire, "beat", _no_heartbeats),),
    "RabbitMQ: only what was handled is acked": ((Acks, "flush", _ack_up_to_the_last),),
    "RabbitMQ: what becomes of a message is stored before the ack": (
        (RabbitSubscription, "_settle", _ack_then_store),
    ),
    "RabbitMQ: a copy says which attempt it is": ((delays, "again", _again_uncounted),),
    "RabbitMQ: a new group gets the history": ((backfill, "copy", _copy_nothing),),
    "RabbitMQ: what came meanwhile is not copied": ((NewArrivals, "without", _copy_all),),
    "RabbitMQ: a queue is bound before the history is copied": (
        (provisioning, "_provision", _copy_then_bind),
    ),
    "RabbitMQ: one member makes its group's queue": ((provisioning, "lock", _no_lock),),
    "RabbitMQ: a replay that was interrupted is remembered": (
        (Removal, "_was_interrupted", _never_interrupted),
    ),
    "RabbitMQ: the oldest comes first": ((Buffer, "put", put_first),),
    "RabbitMQ: a retry waits for its pause": (
        (RabbitSubscription, "retry", at_once(RabbitSubscription.retry)),
    ),
    "RabbitMQ: a group may begin with what is new": (
        (RabbitTransport, "claim", from_the_first(RabbitTransport.claim)),
    ),
}
