"""Which messages of a channel are kept, as the publisher is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pamqp import commands
from pamqp.base import Frame

from simulation.servers.rabbitmq.queues import Confirm


class Confirms:
    """Told together what was kept in one turn of the event loop: up to a number, and others one by one."""

    def __init__(self, send: Callable[[Frame], None]) -> None:
        self._send = send
        self._published = 0
        #: Of each message, how many queues do not have it yet.
        self._missing: dict[int, int] = {}
        self._kept: list[int] = []

    def published(self, queues: int) -> Confirm:
        """What each queue is to call that one more message goes to."""
        self._published += 1
        number = self._published
        self._missing[number] = queues

        def confirm() -> None:
            self._missing[number] -= 1
            if not self._missing[number]:
                self._keep(number)

        if not queues:
            self._keep(number)
        return confirm

    def _keep(self, number: int) -> None:
        del self._missing[number]
        if not self._kept:
            asyncio.get_running_loop().call_soon(self._tell)
        self._kept.append(number)

    def _tell(self) -> None:
        first_missing = next(iter(self._missing), self._published + 1)
        below = [number for number in self._kept if number < first_missing]
        if below:
            self._send(commands.Basic.Ack(max(below), multiple=len(below) > 1))
        for number in self._kept:
            if number > first_missing:
                self._send(commands.Basic.Ack(number, multiple=False))
        self._kept.clear()
