"""The worker: runs groups until it is told to stop, and then drains."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from dovetail.group import Group
from dovetail.queue import MessageQueue

log = logging.getLogger("dovetail.worker")

#: Seconds that a worker has to finish what it holds.
DRAIN_SECONDS = 10.0


class Worker:
    """Runs the handlers of some groups on a queue: `async with Worker(queue, [group]): ...`.

    Entering the context returns when every group has joined. Leaving it drains: stop taking, finish
    what runs, publish, ack, return what was only prefetched; after `drain` seconds what still runs is
    cancelled, and its messages go to another member.
    """

    def __init__(self, queue: MessageQueue, groups: Sequence[Group], *, drain: float = DRAIN_SECONDS) -> None:
        self.queue = queue
        self.groups = groups
        self.drain = drain

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...


async def run(queue: MessageQueue, groups: Sequence[Group], *, drain: float = DRAIN_SECONDS) -> None:
    """Run groups until SIGTERM or SIGINT, then drain. A second signal ends at once."""
