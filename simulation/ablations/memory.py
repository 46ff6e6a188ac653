"""Safeguards of the queue in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dovetail.delivery import Delivery, Outgoing
from dovetail.transports.memory.backlog import Backlog, Pending
from dovetail.transports.memory.dead_letters import DeadLetterStore
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.subscription import MemorySubscription
from simulation.ablations.safeguards import Safeguards
from simulation.observed import ObservedSubscription
from simulation.remote import RemoteSubscription


async def _remove_then_keep(self: RemoteSubscription, delivery: Delivery, letter: Any) -> None:
    subscription = self._inner.inner
    self._settle(delivery)
    self._link.send(lambda: subscription.ack([delivery]))
    await asyncio.sleep(0.05)
    self._link.send(lambda: subscription._store.dead_letters.keep(letter))


def _no_renewal(*_: Any) -> None:
    """Let the lease end."""


def _never_ends(self: Backlog, now: float) -> None:
    """Whoever has it, has it for ever."""


def _settle_whoever_has_it(self: Backlog, pending: Pending) -> bool:
    return self.in_flight.pop(pending.sequence, None) is not None


async def _retry_uncounted(self: MemorySubscription, delivery: Delivery, pause: float) -> None:
    if pending := self._settle(delivery):
        self._backlog.put_back(pending, pause)


async def _retry_at_once(self: MemorySubscription, delivery: Delivery, pause: float) -> None:
    if pending := self._settle(delivery):
        pending.attempt += 1
        self._backlog.put_back(pending)


async def _release_anew(self: MemorySubscription, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        if pending := self._settle(delivery):
            pending.attempt = 1
            self._backlog.put_back(pending)


async def _release_counted(self: MemorySubscription, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        if pending := self._settle(delivery):
            pending.attempt += 1
            self._backlog.put_back(pending)


_add = Store.add


def _add_each(self: Store, message: Outgoing, limit: int | None) -> None:
    self._ids.pop(message.id, None)
    _add(self, message, limit)


def _trim_all(self: Store, before: Any) -> None:
    for sequence, stored in list(self.history.items()):
        if stored.at < before:
            del self.history[sequence]
            for one in self.backlogs.values():
                one._ready = [p for p in one._ready if p.message is not stored]


def _end_uncounted(self: Backlog, now: float) -> None:
    for sequence, pending in list(self.in_flight.items()):
        if pending.at <= now:
            del self.in_flight[sequence]
            self.put_back(pending)


def _all_history(self: Store, claim: Any) -> list[Any]:
    return self.of_history(claim.subject)


def _no_history(self: Store, claim: Any) -> list[Any]:
    return []


async def _remove_first(self: DeadLetterStore, wanted: Any, done: Any, replay: Any = None) -> None:
    for letter in reversed(self.newest_first(wanted)):
        if replay is not None:
            replay(letter)
        await asyncio.sleep(0.01)
        self._letters.pop(int(letter.id), None)
        done([letter])


_take = Backlog.take


def _take_newest_first(self: Backlog, member: int, most: int) -> list[Pending]:
    return _take(self, member, most)[::-1]


SAFEGUARDS: Safeguards = {
    "a dead letter is kept before the ack": ((RemoteSubscription, "bury", _remove_then_keep),),
    "leases are renewed": (
        (Backlog, "renew", _no_renewal),
        (ObservedSubscription, "renew", _no_renewal),
    ),
    "leases end": ((Backlog, "_end_leases", _never_ends),),
    "only who holds the message settles it": ((Backlog, "settle", _settle_whoever_has_it),),
    "the queue counts attempts": ((MemorySubscription, "retry", _retry_uncounted),),
    "a retry waits for its pause": ((MemorySubscription, "retry", _retry_at_once),),
    "leases that end are counted": ((Backlog, "_end_leases", _end_uncounted),),
    "a group may begin with what is new": ((Store, "_kept_for", _all_history),),
    "a release keeps the attempts": ((MemorySubscription, "release", _release_anew),),
    "a release is no attempt": ((MemorySubscription, "release", _release_counted),),
    "an id is accepted once": ((Store, "add", _add_each),),
    "history is trimmed below what every group has handled": ((Store, "trim", _trim_all),),
    "a new group gets the history": ((Store, "_kept_for", _no_history),),
    "a letter is replayed by one of those who want to": (
        (DeadLetterStore, "remove", _remove_first),
    ),
    "the oldest comes first": ((Backlog, "take", _take_newest_first),),
}
