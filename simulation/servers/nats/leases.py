"""Deliveries of one consumer whose lease has ended, or that were given back: they are delivered again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random
from typing import Protocol

from dovetail import clock
from simulation.servers.nats.positions import Positions
from simulation.servers.nats.stream_config import Config
from simulation.servers.nats.times import SECOND

#: Leases that end within so many seconds end together.
TOGETHER_SECONDS = 0.001
#: Until the server looks after a delivery was put off, and after the length of leases was changed.
PUT_OFF_SECONDS, CHANGED_SECONDS = 0.01, 0.1
#: When it looks first after a start, in seconds; the moment is drawn.
STARTED_SECONDS = (0.5, 1.5)


class Redelivers(Protocol):
    """The consumer, as its leases see it."""

    config: Config
    positions: Positions

    def forget_missing(self) -> None:
        """Settle what the stream has no more, where nothing before it is left."""

    def pump(self) -> None:
        """Deliver all that somebody waits for."""


class Leases:
    """Ends leases, and knows what is to be delivered again."""

    def __init__(self, consumer: Redelivers) -> None:
        self._consumer = consumer
        self._loop = asyncio.get_running_loop()
        #: Sequences, in this order.
        self._again: dict[int, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def _seconds(self) -> float:
        return float(self._consumer.config["ack_wait"] / SECOND) + TOGETHER_SECONDS

    def first(self) -> int | None:
        """What is to be delivered again first."""
        return next(iter(self._again), None)

    def taken(self, sequence: int) -> None:
        """It is delivered again, or need not be."""
        self._again.pop(sequence, None)

    def deliver_again(self, sequences: Iterable[int]) -> None:
        """These were given back, or their leases have ended."""
        for sequence in sequences:
            self._again.setdefault(sequence)

    def put_off(self, sequence: int, delay: int) -> None:
        """Deliver it again after so many nanoseconds."""
        self.taken(sequence)
        now = clock.time_ns()
        self._consumer.positions.renew(sequence, now - self._consumer.config["ack_wait"] + delay)
        if self._timer is not None:
            self._look_in(PUT_OFF_SECONDS)

    def watch(self) -> None:
        """A lease has begun."""
        seconds = self._seconds
        if self._timer is None or self._timer.when() > self._loop.time() + seconds:
            self._look_in(seconds)

    def changed(self) -> None:
        """Leases have another length."""
        if self._timer is not None:
            self._look_in(CHANGED_SECONDS)

    def forget_settled(self) -> None:
        """Of what is not pending nothing is delivered again."""
        pending = self._consumer.positions.pending
        self._again = {sequence: None for sequence in self._again if sequence in pending}

    def start_again(self, chance: Random) -> None:
        """After a start: what was in flight comes again when its lease ends."""
        self._again.clear()
        if self._consumer.positions.pending:
            self._look_in(min(self._seconds, chance.uniform(*STARTED_SECONDS)))

    def stop(self) -> None:
        """End no more leases."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_in(self, seconds: float) -> None:
        self.stop()
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """End the leases that are over, and look again when the next one will be."""
        self._timer = None
        consumer = self._consumer
        consumer.forget_missing()
        positions, lease = consumer.positions, consumer.config["ack_wait"]
        now, following = clock.time_ns(), self._seconds
        over = []
        for sequence, one in positions.pending.items():
            left = one.since + lease - now
            if left > 0:
                following = min(following, left / SECOND)
            elif sequence not in self._again:
                over.append(sequence)
        if over:
            over.sort()
            self.deliver_again(over)
            # In the order of their leases, also the next time.
            off = now - positions.pending[over[0]].since
            for sequence in over:
                positions.renew(sequence, positions.pending[sequence].since + off)
        if positions.pending:
            self._look_in(following)
        consumer.pump()
