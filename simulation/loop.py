"""The event loop of a simulation: virtual time, order by the seed, and hosts that freeze or die."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from simloop import SimLoop, _net
from simloop._loop import _host_of
from simloop._net import _current_host
from simloop._transports import _SimStreamTransport

from dovetail import clock
from dovetail.codec import identifiers

#: What the clock on the wall says at the start, in nanoseconds since 1970.
EPOCH_NS = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
#: Every time that the clock moves it moves on by so many seconds more: nothing takes no time at all, and what
#: is due by a rounding error later than now must not keep the clock where it is.
TICK_SECONDS = 1e-6
#: A run that takes more steps than this goes round in circles.
MOST_STEPS = 3_000_000


class EndlessRun(AssertionError):
    """So many steps, and no end."""


class SimulationLoop(SimLoop):
    """Hosts can be frozen, as by SIGSTOP or a call that blocks, and killed, as by SIGKILL.

    A killed host's callbacks are never run again: no `finally`, no `except` of its tasks sees its death.
    """

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        super().__init__(seed)
        if not trace:
            self._recorder.record = _forget  # a tenth of the time, and most of the memory
        self.dead: set[str] = set()
        #: Until when a host does nothing.
        self.frozen: dict[str, float] = {}
        #: Those of them that a call of their own blocks: it ends before anything else happens there.
        self._blocked: set[str] = set()
        #: What the dead would have done next.
        self._dropped: list[Any] = []
        self.steps = 0
        #: Cuts what is written to connections.
        self.pieces = random.Random(f"{seed}:pieces")
        #: Told by a handler that kills its own process.
        self.when_killed: Callable[[str], None] = self.kill
        self.set_exception_handler(_only_exceptions)

    def kill(self, host: str) -> None:
        """From now on it does nothing, ever."""
        self.dead.add(host)

    def freeze(self, host: str, seconds: float) -> None:
        """It does nothing for so long, and goes on then as if nothing had been."""
        self.frozen[host] = max(self.frozen.get(host, 0.0), self._now + seconds)

    async def block(self, seconds: float) -> None:
        """What a call does that blocks the event loop of this host."""
        host = _current_host.get()
        self.freeze(host, seconds)
        self._blocked.add(host)
        woken: asyncio.Future[None] = self.create_future()
        # First when the host goes on: everything else of it is put off a little further than this.
        self._thaw_first(host, woken)
        await woken

    def _thaw_first(self, host: str, woken: asyncio.Future[None]) -> None:
        def wake() -> None:
            left = self.frozen.get(host, 0.0) - self._now
            if left > TICK_SECONDS:  # frozen for longer meanwhile
                self._thaw_first(host, woken)
                return
            self._blocked.discard(host)
            if not woken.done():
                woken.set_result(None)
                self._ready.pop()[2]._run()

        self.on_behalf_of("", max(0.0, self.frozen.get(host, 0.0) - self._now), wake)

    def on_behalf_of(
        self, host: str, seconds: float, callback: Callable[..., object], *args: Any
    ) -> None:
        """Call back after so many seconds, as this host; as nobody, who never freezes, where it is empty."""
        token = _current_host.set(host)
        try:
            self.call_later(seconds, callback, *args)
        finally:
            _current_host.reset(token)

    def true_time(self) -> float:
        """Seconds since the start, whoever asks."""
        return float(self._now)

    def _step(self) -> None:
        if not self._ready:
            self._advance_clock()
            self._now += TICK_SECONDS
        index = self._policy.choose(self._ready_views)
        self._choice_log.append(index)
        seq, label, handle, callback = self._ready.pop(index)
        host = _host_of(handle)
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise EndlessRun(f"no end after {MOST_STEPS} steps, at {self._now:.3f} s")
        if host in self.dead:
            self._dropped.append((seq, label, handle, callback))
        if handle.cancelled() or host in self.dead:
            self._recorder.record("cancel", self._now, seq, label, host)
            return
        if (until := self.frozen.get(host, 0.0)) > self._now or host in self._blocked:
            self._put_off(max(until, self._now), (seq, label, handle, callback))
            return
        self._recorder.record("run", self._now, seq, label, host)
        handle._run()

    def _put_off(self, until: float, entry: tuple[int, str, asyncio.Handle, Any]) -> None:
        self.on_behalf_of("", until - self._now + 2 * TICK_SECONDS, self._ready.append, entry)


def _forget(*decision: object) -> None:
    """Keep no trace."""


def _only_exceptions(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A killed host's tasks are destroyed while they are pending, and nobody need hear of that."""
    if "exception" in context:
        loop.default_exception_handler(context)


def present_host() -> str:
    """Whose code runs."""
    return str(_current_host.get())


@contextmanager
def simulated(seed: int, *, trace: bool = False) -> Iterator[SimulationLoop]:
    """A loop by whose time and chance the library goes while the context lasts.

    `trace` keeps every decision of it, for `trace_hash`.
    """
    loop = SimulationLoop(seed, trace=trace)
    chance = random.Random(f"{seed}:bytes")
    saved = clock.monotonic, clock.time_ns, clock.random_bytes
    clock.monotonic = loop.true_time
    clock.time_ns = lambda: EPOCH_NS + int(loop.true_time() * 1e9)
    clock.random_bytes = chance.randbytes
    clock.seed(seed)
    identifiers._random.clear()
    gc.disable()  # what is collected when depends on what ran before
    try:
        with warnings.catch_warnings():  # of coroutines that a killed host has never begun
            warnings.simplefilter("ignore", RuntimeWarning)
            yield loop
    finally:
        _end(loop)
        clock.monotonic, clock.time_ns, clock.random_bytes = saved
        identifiers._random.clear()
        gc.enable()


def _end(loop: SimulationLoop) -> None:
    """Let all that is left unwind, with nobody watching any more."""
    loop.dead.clear()
    loop._ready.extend(loop._dropped)
    loop.frozen.clear()
    loop._blocked.clear()
    loop.steps = 0
    loop._unhandled.clear()
    left = [task for tasks in loop.net._tasks.values() for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if left:
            loop.run_until_complete(_gathered(left))
    loop.close()


async def _gathered(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks, timeout=60.0)


def on_host(loop: SimulationLoop, host: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task of this host; what it starts is the host's, too."""
    task: asyncio.Task[Any] = loop.net.host(host).create_task(work)
    return task


class _InPieces(_SimStreamTransport):  # type: ignore[misc, unused-ignore]
    """What is written at once does not arrive at once: a connection is lost in the middle of a message."""

    def write(self, data: Any) -> None:
        if self._closing:  # as asyncio has it, nothing comes of that
            return
        left = bytes(data)
        chance: random.Random = self._net._loop.pieces
        while len(left) > 1 and chance.random() < 0.3:
            # By a fraction: the paths in a traceback may be longer elsewhere, and the run is to be the same.
            cut = 1 + int(chance.random() * (len(left) - 1))
            super().write(left[:cut])
            left = left[cut:]
        super().write(left)


@contextmanager
def in_pieces() -> Iterator[None]:
    """While the context lasts."""
    with patch.object(_net, "_SimStreamTransport", _InPieces):
        yield
