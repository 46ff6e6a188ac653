"""The queue in memory as the library meets it over a network: a transport whose every call crosses a link."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from dovetail import clock
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery, Outgoing
from dovetail.errors import QueueUnavailable
from simulation.network import Link
from simulation.observed import Observed, ObservedSubscription

#: What an operation waits for its answer, in seconds.
TIMEOUT = 5.0
CLOSE_SECONDS = 1.0


class Remote:
    """As dovetail.transport.Transport, for one host."""

    def __init__(self, queue: Observed, link: Link) -> None:
        self._queue = queue
        self._link = link

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._link.connected.is_set()

    async def open(self) -> None:
        """Connect."""
        await self._link.ask(self._queue.reach, TIMEOUT)

    async def close(self) -> None:
        """Nothing is left to flush: subscriptions are closed before."""

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        await self._link.ask(lambda: self._queue.publish(messages, timeout), timeout)

    async def claim(self, claim: Claim) -> RemoteSubscription:
        """As Transport.claim."""
        inner = await self._link.ask(lambda: self._queue.claim(claim), TIMEOUT, unwanted=_let_go)
        return RemoteSubscription(inner, self._link, claim.lease)

    async def replay(self, *arguments: Any) -> None:
        """As Transport.replay."""
        await self._link.ask(lambda: self._queue.replay(*arguments), TIMEOUT, waits=True)

    async def drop(self, *arguments: Any) -> None:
        """As Transport.drop."""
        await self._link.ask(lambda: self._queue.drop(*arguments), TIMEOUT, waits=True)

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            return await self._link.ask(lambda: getattr(self._queue, name)(*arguments), TIMEOUT)

        return call


def _let_go(subscription: ObservedSubscription) -> None:
    subscription.let_go()


class RemoteSubscription:
    """As dovetail.transport.Subscription. Renewing is the host's: a host that is dead renews nothing."""

    def __init__(self, inner: ObservedSubscription, link: Link, lease: float) -> None:
        inner.renew_from_outside()
        self._inner = inner
        self._link = link
        self._lease = lease
        self._stopped = asyncio.Event()
        #: What the host holds, and renews.
        self._held: dict[int, Delivery] = {}
        self._renewal = asyncio.create_task(self._renew())

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        while not self._stopped.is_set():
            if not await self._connected():
                break
            try:
                deliveries = await self._link.ask(
                    lambda: self._inner.fetch(most), None, waits=True, unwanted=self._return
                )
            except QueueUnavailable:
                continue
            self._inner.received(deliveries)
            self._held.update((id(one), one) for one in deliveries)
            return deliveries
        return ()

    async def _connected(self) -> bool:
        """Wait until the connection stands; False where this was stopped before."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self._link.connected, self._stopped)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        return self._link.connected.is_set()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        self._settle(*deliveries)
        sent = list(deliveries)
        self._link.send(lambda: self._inner.ack(sent))

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        self._settle(delivery)
        await self._link.ask(lambda: self._inner.retry(delivery, pause), TIMEOUT)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        self._settle(*deliveries)
        sent = list(deliveries)
        await self._link.ask(lambda: self._inner.release(sent), TIMEOUT)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        self._settle(delivery)
        await self._link.ask(lambda: self._inner.bury(delivery, letter), TIMEOUT)

    async def stop(self) -> None:
        """As Subscription.stop."""
        self._stopped.set()
        await self._link.ask(self._inner.stop, CLOSE_SECONDS)

    async def close(self) -> None:
        """As Subscription.close; answers come in order, so what was acked has arrived then."""
        self._renewal.cancel()
        self._held.clear()
        await self._link.ask(self._inner.close, CLOSE_SECONDS, waits=True)

    def _settle(self, *deliveries: Delivery) -> None:
        for one in deliveries:
            if self._held.pop(id(one), None):
                self._inner.let_go_of(one)

    def _return(self, deliveries: Sequence[Delivery]) -> None:
        """They came when nobody waited for them any more."""
        self._link.send(lambda: self._inner.release_now(deliveries))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            held = list(self._held.values())
            self._link.send(lambda held=held: self._inner.renew(held, clock.monotonic()))  # type: ignore[misc]
