"""The worker: runs groups until it is told to stop, and then drains."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from dovetail.answering import Answering
from dovetail.delivery import Claim
from dovetail.gate import Gate
from dovetail.group import Group, Handler
from dovetail.observing import Observer
from dovetail.queue import MessageQueue
from dovetail.runner import Runner
from dovetail.transport import Subscription
from dovetail.watch import Watch

log = logging.getLogger("dovetail.worker")

#: Seconds that a worker has to finish what it holds.
DRAIN_SECONDS = 10.0
#: Of these, what is kept for giving messages back, and then for letting the queue see the last acks.
RELEASE_SECONDS = 1.0
CLOSE_SECONDS = 1.0


class Worker:
    """Runs the handlers of some groups on a queue: `async with Worker(queue, [group]) as worker: ...`.

    Entering the context returns when every group has joined. Leaving it drains: stop taking, finish
    what runs, publish, ack, return what was only prefetched; what still runs after `drain` seconds is
    cancelled, and its messages go to another member. `observers` are told what becomes of messages.
    """

    def __init__(
        self,
        queue: MessageQueue,
        groups: Sequence[Group],
        *,
        drain: float = DRAIN_SECONDS,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._queue = queue
        self._groups = groups
        self._drain = drain
        self._watch = Watch(observers) if observers else None
        self._stopping = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._answering: list[Callable[[], Awaitable[None]]] = []
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            for group in self._groups:
                gate = Gate(group.name, self._stopping)
                for handler in group.handlers:
                    await self._start(group, handler, gate)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def wait(self) -> None:
        """Return when the worker was told to stop; raises what one of its loops could not deal with."""
        stopping = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait([stopping, *self._loops], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Drain, as leaving the context does. May be called more than once."""
        self._stopping.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._drain
        loops, self._loops = self._loops, []
        subscriptions, self._subscriptions = self._subscriptions, []
        answering, self._answering = self._answering, []
        stops = [
            *(asyncio.ensure_future(stop()) for stop in answering),
            *(asyncio.create_task(one.stop()) for one in subscriptions),
        ]
        await _finish(loops, deadline - RELEASE_SECONDS - CLOSE_SECONDS)
        await _finish(stops, max(deadline - CLOSE_SECONDS, loop.time() + RELEASE_SECONDS))
        closes = [asyncio.create_task(one.close()) for one in subscriptions]
        await _finish(closes, max(deadline, loop.time() + CLOSE_SECONDS))
        if self._watch:
            self._watch.left()

    async def _start(self, group: Group, handler: Handler, gate: Gate) -> None:
        transport, source = self._queue.transport, self._queue.options.source
        if handler.kind == "request":
            name = None if handler.every_member else group.name
            answering = (self._watch.answering if self._watch else Answering)(
                group, handler, source
            )
            self._answering.append(await transport.serve(handler.subject, name, answering.answer))
            self._joined(group, handler)
            return
        options = group.options
        claim = Claim(
            group=group.name,
            subject=handler.subject,
            kind=handler.kind,
            start=options.start,
            lease=options.lease,
            prefetch=max(options.prefetch, 2 * handler.batch),
        )
        subscription = await transport.claim(claim)
        self._subscriptions.append(subscription)
        parts = self._queue, group, handler, subscription, gate
        loop = self._watch.loops(*parts) if self._watch else partial(Runner, *parts)
        self._joined(group, handler)
        for _ in range(options.concurrency):
            self._loops.append(asyncio.create_task(loop().run()))

    def _joined(self, group: Group, handler: Handler) -> None:
        log.info("%s listens on %s", group.name, handler.subject)
        if self._watch:
            self._watch.joined(group, handler)


async def run(
    queue: MessageQueue,
    groups: Sequence[Group],
    *,
    drain: float = DRAIN_SECONDS,
    observers: Sequence[Observer] = (),
) -> None:
    """Run groups until SIGTERM or SIGINT, then drain. A second signal cancels what runs at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    told = asyncio.Event()

    def on_signal() -> None:
        if told.is_set() and task is not None:
            task.cancel()
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    worker = Worker(queue, groups, drain=drain, observers=observers)
    try:
        try:
            await _first(
                worker.__aenter__(), told.wait()
            )  # joining may wait for a queue that is away
            await _first(worker.wait(), told.wait())
        finally:
            await worker.stop()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _first(*waits: Awaitable[object]) -> None:
    """Wait for the first; the others are cancelled. Raises what the first raised."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    done: list[asyncio.Task[object]] = []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _finish(tasks: Sequence[asyncio.Future[None]], deadline: float) -> None:
    """Wait for these until the deadline, then cancel them; what went wrong is logged."""
    if not tasks:
        return
    _, late = await asyncio.wait(
        tasks, timeout=max(0, deadline - asyncio.get_running_loop().time())
    )
    for task in late:
        task.cancel()
    if late:
        log.warning("%d still running at the end of the time to drain: cancelled", len(late))
        # Long enough to give back what they held, but not for a queue that is gone.
        await asyncio.wait(late, timeout=RELEASE_SECONDS)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.error("while draining", exc_info=error)
