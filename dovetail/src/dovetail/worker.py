"""The worker: runs groups until it is told to stop, and then drains."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from dovetail.checks.arguments import check
from dovetail.checks.rules import Seconds, an_object, each, seconds
from dovetail.delivery import Claim
from dovetail.errors import DovetailError
from dovetail.group import Group, Handler, check_groups
from dovetail.limits import BACKLOG_SECONDS, CLOSE_SECONDS, DRAIN_SECONDS, RELEASE_SECONDS
from dovetail.observer import Observer
from dovetail.observing.observed_worker import Watch
from dovetail.queue import MessageQueue
from dovetail.running.answering import Answering
from dovetail.running.blocking import LoopWatch
from dovetail.running.joining import join
from dovetail.running.pausing import GroupPause
from dovetail.running.runner import Runner
from dovetail.running.stop_signals import stop_signals
from dovetail.running.threads import Threads
from dovetail.transport import Subscription

log = logging.getLogger("dovetail.worker")


_QUEUE = an_object(MessageQueue, "a queue, as connect(…) gives it")
_OBSERVERS = each(
    an_object(Observer, ""), "a list of observers, objects of classes made from Observer"
)


class Worker:
    """Runs the handlers of some groups on a queue: `async with Worker(queue, [group]) as worker: ...`.

    Entering the context returns when every group has joined. Leaving it drains: stop taking, finish
    what runs, publish, ack, return what was only prefetched. That takes `drain` seconds at most, of which the
    last two, or the second half, are for giving back and closing: what still runs then is cancelled, and
    its messages go to another member. `observers` are told what becomes of messages.
    """

    def __init__(
        self,
        queue: MessageQueue,
        groups: Sequence[Group],
        *,
        drain: Seconds = DRAIN_SECONDS,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._queue: MessageQueue = check("Worker", "queue", queue, _QUEUE)
        self._groups = check_groups(groups)
        #: Seconds to finish what is in hand, give back the rest, and close.
        self.drain = check("Worker", "drain", drain, seconds())
        check("Worker", "observers", observers, _OBSERVERS)
        self._watch = Watch(observers) if observers else None
        self._stopping = asyncio.Event()
        #: What is in hand is not waited for any more.
        self._hurry = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._answering: list[Callable[[], Awaitable[None]]] = []
        self._loops: list[asyncio.Task[None]] = []
        self._runners: list[Runner] = []
        self._threads: list[Threads] = []
        self._loop_watch: LoopWatch | None = None

    async def __aenter__(self) -> Self:
        try:
            for group in self._groups:
                pause = GroupPause(group.name, self._stopping, partial(self._backlog, group.name))
                for handler in group.handlers:
                    await self._start(group, self._async(group, handler), pause)
        except BaseException:
            await self.stop()
            raise
        self._loop_watch = LoopWatch(self._groups)
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

    @property
    def in_hand(self) -> int:
        """How many messages its handlers have in hand now: what a drain waits for."""
        return sum(one.in_hand for one in self._runners)

    def hurry(self) -> None:
        """Let a drain end at once: what is in hand is given back, and comes again."""
        self._hurry.set()

    def raise_if_hurried(self) -> None:
        """CancelledError where the drain was ended early."""
        if self._hurry.is_set():
            raise asyncio.CancelledError

    async def stop(self) -> None:
        """Drain, as leaving the context does. May be called more than once."""
        self._stopping.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.drain
        loops, self._loops = self._loops, []
        subscriptions, self._subscriptions = self._subscriptions, []
        answering, self._answering = self._answering, []
        stops = [
            *(asyncio.ensure_future(stop()) for stop in answering),
            *(asyncio.create_task(one.stop()) for one in subscriptions),
        ]
        ending = min(RELEASE_SECONDS + CLOSE_SECONDS, self.drain / 2)
        await self._finish(loops, deadline - ending)
        await self._finish(stops, max(deadline - CLOSE_SECONDS, loop.time() + RELEASE_SECONDS))
        closes = [asyncio.create_task(one.close()) for one in subscriptions]
        await self._finish(closes, max(deadline, loop.time() + CLOSE_SECONDS))
        while self._threads:
            self._threads.pop().close()
        if self._loop_watch:
            self._loop_watch.stop()
        if self._watch:
            self._watch.left()

    def _async(self, group: Group, handler: Handler) -> Handler:
        """The handler with a function that does not hold up the event loop."""
        if not handler.blocking:
            return handler
        threads = Threads(handler.function, handler.name, group.options.concurrency)
        self._threads.append(threads)
        return replace(handler, function=threads)

    async def _start(self, group: Group, handler: Handler, pause: GroupPause) -> None:
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
        subscription = await join(self._queue, claim)
        self._subscriptions.append(subscription)
        parts = self._queue, group, handler, subscription, pause
        loop = self._watch.loops(*parts) if self._watch else partial(Runner, *parts)
        self._joined(group, handler)
        for _ in range(options.concurrency):
            self._runners.append(runner := loop())
            self._loops.append(asyncio.create_task(runner.run()))

    async def _finish(self, tasks: Sequence[asyncio.Future[None]], deadline: float) -> None:
        """Wait for these until the deadline, then cancel them; what went wrong is logged."""
        if not tasks:
            return
        seconds = max(0, deadline - asyncio.get_running_loop().time())
        await _first(asyncio.wait(tasks, timeout=seconds), self._hurry.wait())
        late = [task for task in tasks if not task.done()]
        for task in late:
            task.cancel()
        if late:
            if not self._hurry.is_set():
                log.warning(
                    "%d still running at the end of the time to drain: cancelled", len(late)
                )
            # Long enough to give back what they held, but not for a queue that is gone.
            await asyncio.wait(late, timeout=RELEASE_SECONDS)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                log.error("while draining", exc_info=error)

    async def _backlog(self, group: str) -> int | None:
        """How many messages the group has yet to handle; None where that cannot be told now."""
        try:
            async with asyncio.timeout(BACKLOG_SECONDS):
                rows = (await self._queue.status()).groups
        except (DovetailError, TimeoutError):
            return None
        return sum(row.waiting + row.in_hand for row in rows if row.group == group)

    def _joined(self, group: Group, handler: Handler) -> None:
        log.info("%s listens on %s", group.name, handler.subject)
        if self._watch:
            self._watch.joined(group, handler)


async def run(
    queue: MessageQueue,
    groups: Sequence[Group],
    *,
    drain: Seconds = DRAIN_SECONDS,
    observers: Sequence[Observer] = (),
) -> None:
    """Run groups until SIGTERM or SIGINT, then drain. A second one cancels what runs at once, and this.

    A handler that the program has for these signals is called as well, and one that is ignored stays so.
    Signals reach the main thread only: in another one, cancel the task that runs this, and it drains.
    """
    told = asyncio.Event()

    def on_signal() -> None:
        if told.is_set():
            worker.hurry()
        told.set()

    worker = Worker(queue, groups, drain=drain, observers=observers)
    with stop_signals(on_signal):
        try:
            await _first(
                worker.__aenter__(), told.wait()
            )  # joining may wait for a queue that is away
            await _first(worker.wait(), told.wait())
        finally:
            if told.is_set() and (count := worker.in_hand):
                log.info("%s; Ctrl-C again stops at once", finishing(count, worker.drain))
            await worker.stop()
    worker.raise_if_hurried()


def finishing(count: int, seconds: float) -> str:
    """What a drain waits for, in words."""
    return f"finishing {count} message{'s' * (count != 1)}, at most {seconds:g} s"


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
