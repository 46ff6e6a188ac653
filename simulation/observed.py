"""Writes down what passes between the library and a transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from dovetail.codec.envelope import received
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.delivery import Claim, Delivery, Outgoing
from dovetail.transport import Done, Mend, Subscription, Transport
from simulation.history import History

#: The name in the scenario of a group, whatever it is called now.
Planned = Callable[[str], str]


def number_in(subject: str, body: bytes, headers: Any = None) -> int:
    """The number of the scenario's message; -1 for bytes that are none."""
    data = received(subject, body, headers).data
    return int(data["number"]) if isinstance(data, dict) and "number" in data else -1


class Observed:
    """A transport; what is not told of here passes as it is."""

    def __init__(
        self, inner: Transport, history: History, planned: Planned, host: str, *, remote: bool
    ) -> None:
        self.inner = inner
        self._remote = remote
        self.host = host
        self._history = history
        self._planned = planned
        #: What was claimed.
        self.subscriptions: list[ObservedSubscription] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def open(self) -> None:
        """It is open already, and serves all."""

    async def reach(self) -> None:
        """Nothing but the way there and back."""

    async def close(self) -> None:
        """Whoever opened it closes it."""

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        try:
            await self.inner.publish(messages, timeout)
        finally:
            for one in messages:
                if one.id in cast(Any, self.inner)._store._ids:  # of several some may have had room
                    number = number_in(one.subject, one.body)
                    self._history.add("stored", self.host, number=number, note=one.id)

    async def claim(self, claim: Claim) -> ObservedSubscription:
        """As Transport.claim."""
        inner = await self.inner.claim(claim)
        claimed = f"{self._planned(claim.group)}/{claim.subject}"
        subscription = ObservedSubscription(inner, self.host, claimed, self._history, self._remote)
        self.subscriptions.append(subscription)
        return subscription

    async def replay(self, wanted: LetterFilter, mend: Mend, done: Done) -> None:
        """As Transport.replay."""
        await self.inner.replay(wanted, mend, self._told("replayed", done))

    async def drop(self, wanted: LetterFilter, done: Done) -> None:
        """As Transport.drop."""
        await self.inner.drop(wanted, self._told("dropped", done))

    def _told(self, what: Any, done: Done) -> Done:
        def told(letters: Sequence[DeadLetter]) -> None:
            for one in letters:
                number = number_in(one.subject, one.body, one.headers)
                claimed = f"{self._planned(one.group)}/{one.claimed}"
                self._history.add(what, self.host, group=claimed, number=number)
            done(letters)

        return told


class RecordedSubscription:
    """One member's share. `group` is the group's name in the scenario and what it has claimed."""

    def __init__(self, inner: Subscription, host: str, group: str, history: History) -> None:
        self.inner: Any = inner
        self.host = host
        self._group = group
        self._history = history
        self._numbers: dict[int, tuple[Delivery, int]] = {}

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        deliveries: Sequence[Delivery] = await self.inner.fetch(most)
        for one in deliveries:
            self._numbers[id(one)] = one, next(self._history.deliveries)
            self._add("delivered", one, note=f"{one.unsettled} unsettled" if one.unsettled else "")
        return deliveries

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        for one in deliveries:
            self._add("acked", one)
        self.inner.ack(deliveries)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        self._add("retried", delivery, note=f"in {pause:.3f} s")
        await self.inner.retry(delivery, pause)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        for one in deliveries:
            self._add("released", one)
        await self.inner.release(deliveries)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        self._add("buried", delivery, note=letter.reason[:80])
        await self.inner.bury(delivery, letter)

    async def stop(self) -> None:
        """As Subscription.stop."""
        await self.inner.stop()

    async def close(self) -> None:
        """As Subscription.close."""
        await self.inner.close()

    def _add(self, what: Any, one: Delivery, note: str = "") -> None:
        self._history.add(
            what,
            self.host,
            group=self._group,
            number=number_in(one.subject, one.body, one.headers),
            key=one.key,
            delivery=self._numbers[id(one)][1],
            attempt=one.attempt,
            note=note,
        )


class ObservedSubscription(RecordedSubscription):
    """The same of the queue in memory, which may be at the other end of a link."""

    def __init__(
        self, inner: Subscription, host: str, group: str, history: History, remote: bool
    ) -> None:
        super().__init__(inner, host, group, history)
        self._remote = remote

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        deliveries = await super().fetch(most)
        if not self._remote:
            self.received(deliveries)
        return deliveries

    def received(self, deliveries: Sequence[Delivery]) -> None:
        """They have reached the host."""
        for one in deliveries:
            self._add("received", one)

    def let_go_of(self, delivery: Delivery) -> None:
        """The host has sent what became of it."""
        self._add("let go", delivery)

    # What only the queue in memory has.

    def renew_from_outside(self) -> None:
        """Renew nothing by itself."""
        self.inner._renewal.cancel()

    def renew(self, held: Sequence[Any], now: float) -> None:
        """The leases of these begin anew, as far as they have not ended."""
        backlog = self.inner._backlog
        for pending in (one.pending for one in held):
            if backlog.in_flight.get(pending.sequence) is pending:
                pending.at = now + backlog.claim.lease

    def release_now(self, deliveries: Sequence[Delivery]) -> None:
        """As `release`."""
        try:
            self.release(deliveries).send(None)
        except StopIteration:
            return
        raise AssertionError("the queue in memory waits where it need not")

    def let_go(self) -> None:
        """Whoever had it is dead."""
        if not self.inner._closed:
            self.inner._closed = True
            self.inner._backlog.members -= 1
            self.inner._renewal.cancel()
