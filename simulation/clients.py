"""Writes down what passes between the library and a real transport, as the host sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dovetail.delivery import Claim, Outgoing
from dovetail.errors import DovetailError
from dovetail.transport import Transport
from simulation.history import History
from simulation.observed import Observed, Planned, RecordedSubscription, number_in


class Client(Observed):
    """A transport of one host. What is not told of here passes as it is."""

    def __init__(self, inner: Transport, history: History, planned: Planned, host: str) -> None:
        super().__init__(inner, history, planned, host, remote=False)

    async def open(self) -> None:
        """As Transport.open."""
        await self.inner.open()

    async def close(self) -> None:
        """As Transport.close."""
        await self.inner.close()

    async def publish(self, messages: Sequence[Outgoing], timeout: float) -> None:
        """As Transport.publish."""
        numbers = [number_in(one.subject, one.body) for one in messages]
        for number in numbers:
            self._history.add("sent", self.host, number=number)
        try:
            await self.inner.publish(messages, timeout)
        except DovetailError as error:
            for number in numbers:
                self._history.add("refused", self.host, number=number, note=type(error).__name__)
            raise
        for number in numbers:
            self._history.add("stored", self.host, number=number)

    async def claim(self, claim: Claim) -> Any:
        """As Transport.claim."""
        inner = await self.inner.claim(claim)
        claimed = f"{self._planned(claim.group)}/{claim.subject}"
        return RecordedSubscription(inner, self.host, claimed, self._history)
