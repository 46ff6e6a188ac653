"""Many delayed retries pending at once: how fast other messages are handled beside them.

Two servers of the same kind that were given the same messages; on one of them a group has failed on them, and
they wait for its next attempt. Rounds on both in turns, on that group and on another one.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from benchmarks.servers import QUEUES
from dovetail import Event, Group, MessageQueue, Retry, Worker, connect

PENDING = 100_000
ROUNDS = 11
#: Messages of one round: some together for the rate, some one by one for the time that each takes.
TOGETHER = 10_000
APART = 300
#: What rate and time may lose.
MOST_LOSS = 0.10
AT_ONCE = 1000
DELAYING, OTHER = GROUPS = ("delaying", "another")
#: Delays end one after another, as after an outage: some 50 each second, which begin another one.
LATER_SECONDS = (60.0, 2000.0)


class Work(Event, frozen=True, subject="events.bounds.work"):
    """Is handled at once, or at the end of all time."""

    late: bool = False


class Arrivals:
    """Counts what one group handles."""

    def __init__(self, name: str) -> None:
        self.group = Group(name, lease=30)
        self.handled = self.delayed = 0
        self._changed = asyncio.Event()

        @self.group.on(Work)
        async def handle(work: Work) -> None:
            self._changed.set()
            if work.late and name == DELAYING:
                self.delayed += 1
                raise Retry(after=random.uniform(*LATER_SECONDS))
            self.handled += 1

    async def have(self, handled: int = 0, delayed: int = 0) -> float:
        """When there are so many, in seconds of the clock."""
        while self.handled < handled or self.delayed < delayed:
            self._changed.clear()
            await self._changed.wait()
        return time.perf_counter()


class Bench:
    """One queue on which both groups run, and what was measured there, by group."""

    def __init__(self, queue: MessageQueue) -> None:
        self.queue = queue
        self.groups = {name: Arrivals(name) for name in GROUPS}
        self.rates: dict[str, list[float]] = {name: [] for name in GROUPS}
        self.times: dict[str, list[float]] = {name: [] for name in GROUPS}

    async def fill(self, count: int, *, late: bool) -> None:
        """So many messages that are handled at once, or wait for their second attempt."""
        for _ in range(0, count, AT_ONCE):
            await self.queue.publish_many([Work(late=late)] * AT_ONCE)
        await self.groups[DELAYING].have(**{"delayed" if late else "handled": count})
        await self.groups[OTHER].have(handled=count)
        await self.settled(count if late else 0)

    async def settled(self, count: int) -> None:
        """Return when the queue knows of all of these delays, and has nothing else to do."""
        while True:
            rows = {row.group: row for row in (await self.queue.status()).groups}
            if rows[DELAYING].in_hand >= count * 0.99 and rows[DELAYING].waiting < 100:
                return
            await asyncio.sleep(0.1)

    async def round(self) -> None:
        """Some messages together, then some one by one."""
        started = await self._publish(TOGETHER, AT_ONCE)
        for name, taken in (await self._taken(started)).items():
            self.rates[name].append(TOGETHER / taken)
        times: dict[str, list[float]] = {name: [] for name in GROUPS}
        for _ in range(APART):
            for name, taken in (await self._taken(await self._publish(1, 1))).items():
                times[name].append(taken)
        for name, all_taken in times.items():
            self.times[name].append(median(all_taken))

    async def _publish(self, count: int, at_once: int) -> float:
        self._wanted = {name: one.handled + count for name, one in self.groups.items()}
        started = time.perf_counter()
        for _ in range(0, count, at_once):
            await self.queue.publish_many([Work()] * at_once)
        return started

    async def _taken(self, started: float) -> dict[str, float]:
        """The seconds until each group has handled what was published last."""
        waits = [one.have(handled=self._wanted[name]) for name, one in self.groups.items()]
        ends = await asyncio.gather(*waits)
        return {name: end - started for name, end in zip(self.groups, ends, strict=True)}


@dataclass
class Comparison:
    """One group, with the delays and without: messages a second, and seconds for one of them."""

    group: str
    rates: tuple[float, float]
    times: tuple[float, float]
    rate_ratio: float
    time_ratio: float

    @property
    def good(self) -> bool:
        """Whether it lost no more than it may."""
        return self.rate_ratio >= 1 - MOST_LOSS and self.time_ratio <= 1 + MOST_LOSS


async def measure(queue: str) -> list[Comparison]:
    """One comparison for each group. A ratio is the median of the rounds' own, delays to none."""
    async with AsyncExitStack() as stack:
        benches = []
        for late in (True, False):
            server = await stack.enter_async_context(QUEUES[queue]())
            client = await stack.enter_async_context(connect(server.url, timeout=30))
            bench = Bench(client)
            groups = [one.group for one in bench.groups.values()]
            await stack.enter_async_context(Worker(client, groups))
            await bench.round()  # connects, widens windows, fills caches
            await bench.fill(PENDING, late=late)
            benches.append(bench)
        for number in range(ROUNDS):
            for bench in benches[:: -1 if number % 2 else 1]:
                await bench.round()
        return [_compared(name, *benches) for name in GROUPS]


def _compared(name: str, delayed: Bench, free: Bench) -> Comparison:
    rates = delayed.rates[name][1:], free.rates[name][1:]
    times = delayed.times[name][1:], free.times[name][1:]
    return Comparison(
        group=name,
        rates=(median(rates[0]), median(rates[1])),
        times=(median(times[0]), median(times[1])),
        rate_ratio=median(mine / other for mine, other in zip(*rates, strict=True)),
        time_ratio=median(mine / other for mine, other in zip(*times, strict=True)),
    )
