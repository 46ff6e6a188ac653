"""Puts a network between the library and the queue in memory: it takes time, and connections are lost on it.

What was sent arrives in order, also when its sender is dead by then. When the connection is lost, what was on
the way does not arrive, in whichever direction: so an operation that raised may have been done.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from dovetail.errors import DovetailError, QueueUnavailable
from simulation.loop import TICK_SECONDS, SimulationLoop, on_host
from simulation.scenario import QUEUE

Result = TypeVar("Result")


class Link:
    """The connection of one host to the queue."""

    def __init__(self, loop: SimulationLoop, host: str, latency: tuple[float, float]) -> None:
        self._loop = loop
        self.host = host
        self._latency = latency
        self._chance = random.Random(f"{loop.seed}:{host}:latency")
        self._last = {"there": 0.0, "back": 0.0}
        #: One more each time that the connection is lost: what was on the way then is lost with it.
        self._epoch = 0
        self._asked: dict[asyncio.Future[Any], None] = {}
        #: What the queue does for this host now, and ends when the connection is lost.
        self._served: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}
        self.connected = asyncio.Event()
        self.connected.set()
        #: Nothing comes back.
        self.mute = False

    def cut(self) -> None:
        """Lose the connection."""
        self._epoch += 1
        self.connected.clear()
        asked, self._asked = self._asked, {}
        for future in asked:
            if not future.done():
                future.set_exception(QueueUnavailable("the connection was lost"))
        self._forget()

    def heal(self) -> None:
        """Connect again."""
        self.mute = False
        self.connected.set()

    def kill(self) -> None:
        """The host is dead. What it has sent arrives; what the queue does for it ends."""
        self._forget()

    def _forget(self) -> None:
        served, self._served = self._served, {}
        for task in served:
            task.cancel()

    async def ask(
        self,
        effect: Callable[[], Awaitable[Result]],
        timeout: float | None,
        *,
        waits: bool = False,
        unwanted: Callable[[Any], object] | None = None,
    ) -> Result:
        """What the queue's `effect` gives; QueueUnavailable where no answer comes.

        `waits` says that the effect may take time. `unwanted` gets a result that came after
        this was cancelled.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.connected.wait()
                answer: Result = await self._ask(effect, waits, unwanted)
                return answer
        except TimeoutError as error:
            raise QueueUnavailable("no answer in time") from error

    async def _ask(self, effect: Any, waits: bool, unwanted: Any) -> Any:
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked[answer] = None
        serve = self._serve_in_time if waits else self._serve_at_once
        self.send(lambda: serve(effect, answer, unwanted))
        try:
            return await answer
        finally:
            self._asked.pop(answer, None)
            if answer.cancelled():
                self.send(lambda: self._cancel(answer))

    def send(self, arrived: Callable[[], object]) -> None:
        """Call this at the queue, if the connection lasts that long."""
        if self.connected.is_set():
            self._after_a_while("there", QUEUE, arrived)

    def _serve_at_once(self, effect: Any, answer: asyncio.Future[Any], unwanted: Any) -> None:
        """At the queue, in the order in which it came."""
        try:
            _outcome(effect).send(None)
        except StopIteration as end:
            self._answer(answer, end.value, unwanted)
        else:
            raise AssertionError("the queue in memory waits where it need not")

    def _serve_in_time(self, effect: Any, answer: asyncio.Future[Any], unwanted: Any) -> None:
        """At the queue, for as long as it takes."""
        task = on_host(self._loop, QUEUE, _outcome(effect))
        self._served[task] = answer

        def ended(task: asyncio.Task[Any]) -> None:
            self._served.pop(task, None)
            if not task.cancelled():
                self._answer(answer, task.result(), unwanted)

        task.add_done_callback(ended)

    def _cancel(self, answer: asyncio.Future[Any]) -> None:
        """At the queue: nobody wants that any more."""
        for task, served in self._served.items():
            if served is answer:
                task.cancel()

    def _answer(self, answer: asyncio.Future[Any], outcome: Any, unwanted: Any) -> None:
        if not self.mute:
            self._after_a_while("back", self.host, lambda: _settle(answer, outcome, unwanted))

    def _after_a_while(self, way: str, host: str, arrived: Callable[[], object]) -> None:
        epoch = self._epoch
        now = self._loop.true_time()
        at = max(now + self._chance.uniform(*self._latency), self._last[way] + 2 * TICK_SECONDS)
        self._last[way] = at

        def arrive() -> None:
            if self._epoch == epoch:
                arrived()

        self._loop.on_behalf_of(host, at - now, arrive)


async def _outcome(effect: Callable[[], Awaitable[Result]]) -> tuple[Any, DovetailError | None]:
    try:
        return await effect(), None
    except DovetailError as error:
        return None, error


def _settle(
    answer: asyncio.Future[Any],
    outcome: tuple[Any, DovetailError | None],
    unwanted: Callable[[Any], object] | None,
) -> None:
    """At the host that asked."""
    result, error = outcome
    if answer.done():
        if unwanted is not None and result:
            unwanted(result)
    elif error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
