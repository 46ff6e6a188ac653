"""Safeguards of the NATS transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from dovetail.codec.identifiers import new_id
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery, Outgoing
from dovetail.errors import DovetailError
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.nats import dead_letters, group_consumer, publisher, trimming
from dovetail.transports.nats.attempts import AttemptStore
from dovetail.transports.nats.delivery import NatsDelivery
from dovetail.transports.nats.headers import header_block
from dovetail.transports.nats.in_flight import TERM, InFlight
from dovetail.transports.nats.publisher import Publisher
from dovetail.transports.nats.subscription import NatsSubscription
from dovetail.transports.nats.transport import NatsTransport
from simulation.ablations.safeguards import Safeguards, at_once, from_the_first, nothing, put_first


async def _publish_and_hope(
    self: Publisher, messages: Sequence[Any], deadline: float, silence: float
) -> list[Any]:
    wire = await self._client.ready(deadline)
    for one, headers in messages:
        self._client.store(wire, self._subjects.of(one), one.body, headers, deadline)
    return []


async def _not_at_first(self: Publisher, *_: Any) -> bool:
    return False


class _AlwaysAnew:
    """Headers with another id each time."""

    def __init__(self, headers: bytes) -> None:
        self._headers = headers

    def __mod__(self, values: Any) -> bytes:
        rest = values[1:] if isinstance(values, tuple) else ()
        return self._headers % (new_id().encode(), *rest)


def _pretend_to_renew(self: InFlight) -> None:
    self._renewed = self._clock()


async def _end_then_keep(self: NatsSubscription, delivery: Delivery, letter: DeadLetter) -> None:
    mine = cast(NatsDelivery, delivery)
    self._in_flight.settle(mine, TERM)
    await asyncio.sleep(0.05)
    with suppress(DovetailError):
        await self._bury(letter, f"{self._name}.{mine.key}")


_config = group_consumer._config


def _only_new(claim: Claim, name: str) -> dict[str, Any]:
    config = _config(claim, name)
    return {**config, "deliver_policy": "new"} if claim.kind == "event" else config


_replayed = dead_letters._replayed


def _replayed_anew(letter: DeadLetter, body: bytes) -> tuple[Outgoing, bytes]:
    one, _ = _replayed(letter, body)
    return one, header_block(letter.headers or {})


SAFEGUARDS: Safeguards = {
    "NATS: a publish waits for its confirmation": (
        (Publisher, "_at_first_try", _not_at_first),
        (Publisher, "_publish_once", _publish_and_hope),
    ),
    "NATS: an id is accepted once": (
        (publisher, "_EVENT_HEADERS", _AlwaysAnew(publisher._EVENT_HEADERS)),
        (publisher, "_COMMAND_HEADERS", _AlwaysAnew(publisher._COMMAND_HEADERS)),
    ),
    "NATS: leases are renewed": ((InFlight, "renew", _pretend_to_renew),),
    "NATS: failures are counted": ((AttemptStore, "note", nothing),),
    "NATS: a dead letter is kept before its message ends": (
        (NatsSubscription, "bury", _end_then_keep),
    ),
    "NATS: a new group gets the history": ((group_consumer, "_config", _only_new),),
    "NATS: history is trimmed below what every group has handled": (
        (trimming, "_floor", lambda consumer, last: last),
    ),
    "NATS: a replay has an id": ((dead_letters, "_replayed", _replayed_anew),),
    "NATS: the oldest comes first": ((Buffer, "put", put_first),),
    "NATS: a retry waits for its pause": (
        (NatsSubscription, "retry", at_once(NatsSubscription.retry)),
    ),
    "NATS: a group may begin with what is new": (
        (NatsTransport, "claim", from_the_first(NatsTransport.claim)),
    ),
}
