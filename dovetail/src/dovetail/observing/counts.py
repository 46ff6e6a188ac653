"""Counts what becomes of one handler's messages, and tells the observers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Delivery
from dovetail.observer import LONG_SECONDS, Observer, Settled
from dovetail.operating.renamed_groups import GroupSubscription

log = logging.getLogger("dovetail.worker")


class Guard:
    """Calls what is not ours: nothing that it raises hurts a message, and each kind is logged once."""

    def __init__(self) -> None:
        self._logged: set[tuple[type, type]] = set()

    def call(self, observer: Observer, function: Callable[..., object], *arguments: object) -> None:
        """Call one of the observer's methods."""
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - an observer raises anything
            self.report(observer, error)

    def report(self, observer: Observer, error: Exception) -> None:
        """Log it, where it is the first of its kind."""
        kind = (type(observer), type(error))
        if kind not in self._logged:
            self._logged.add(kind)
            log.warning(
                "the observer %s failed; this is said once", kind[0].__name__, exc_info=error
            )


class Tally:
    """What is not told yet. One for each of a worker's loops, and for each handler of requests."""

    def __init__(
        self, group: str, subject: str, observers: Sequence[Observer], guard: Guard
    ) -> None:
        self.group = group
        self.subject = subject
        self.untold = Settled()
        self._observers = observers
        self._guard = guard

    def tell(self) -> None:
        """Tell everything since the last time."""
        told, self.untold = self.untold, Settled()
        for one in self._observers:
            self._guard.call(one, one.settled, self.group, self.subject, told)

    def took(self, seconds: float) -> None:
        """A call of the handler took so long."""
        untold = self.untold
        untold.calls += 1
        untold.seconds += seconds
        if seconds > LONG_SECONDS:
            untold.long.append(seconds)

    def took_together(self, calls: int, seconds: float) -> None:
        """Calls took so long together, and none of them long."""
        self.untold.calls += calls
        self.untold.seconds += seconds

    def rest(self) -> None:
        """Tell what is left when nothing was settled afterwards."""
        if self.untold.calls or self.untold.failed or self.untold.published:
            self.tell()

    def in_hand(self, count: int) -> None:
        """So many messages more are in hand, or fewer."""
        for one in self._observers:
            self._guard.call(one, one.in_hand, self.group, self.subject, count)


class CountingSubscription:
    """As dovetail.transport.Subscription says; counts what is settled."""

    def __init__(self, inner: GroupSubscription, tally: Tally) -> None:
        self._inner = inner
        self.place = inner.place
        self.tally = tally
        self.fetch = inner.fetch
        self.release = inner.release
        self.stop = inner.stop
        self.close = inner.close

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        if not deliveries:  # settled already, while the handler waited
            return
        self._inner.ack(deliveries)
        self.tally.untold.handled += len(deliveries)
        self.tally.tell()

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        self.tally.untold.failed += 1
        await self._inner.retry(delivery, pause)
        self.tally.untold.retried += 1
        self.tally.tell()

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        self.tally.untold.failed += 1
        await self._inner.bury(delivery, letter)
        self.tally.untold.dead += 1
        self.tally.tell()
