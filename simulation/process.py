"""What runs on one host: a worker, or a publisher."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dovetail import MessageQueue, QueueUnavailable, Worker
from simulation.scenario import Member

if TYPE_CHECKING:
    from simulation.world import World

#: Who was refused tries again after this time, in seconds.
AGAIN_SECONDS = 1.0


class Process:
    """What runs on one host, from its start to its end."""

    def __init__(self, world: World, member: Member, host: str) -> None:
        self.world = world
        self.member = member
        self.host = host
        self.gone = False
        self.leaving = False
        #: Set once it has joined, or is gone before.
        self.joined = asyncio.Event()
        self.left = asyncio.Event()
        self._told = asyncio.Event()
        #: Makes a transport for each connection to the queue.
        self._way = world.way_of(host, member)
        #: While it is connected.
        self.queue: MessageQueue | None = None
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until it is told to leave. One that cannot join tries again, as its supervisor has it."""
        try:
            while not self._told.is_set():
                try:
                    if await self._may_begin():
                        await self._run()
                except QueueUnavailable:
                    if self.joined.is_set():
                        raise  # a worker must not end by it
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self.queue = None
            self.world.gone(self)

    async def _may_begin(self) -> bool:
        """Wait until no operator changes groups; False where it was told to leave meanwhile."""
        steady = self.world.steady
        if not steady.is_set():
            waiting = [asyncio.create_task(one.wait()) for one in (steady, self._told)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
        if steady.is_set():
            return True
        self.joined.set()  # nobody need wait for that
        return False

    async def _run(self) -> None:
        async with MessageQueue(self._way(), self.world.options) as queue:
            self.queue = queue
            try:
                await self._work(queue)
            finally:
                self.queue = None

    async def _work(self, queue: MessageQueue) -> None:
        world = self.world
        groups = [
            world.handlers.group(world.scenario.group(name), world.names[name], self.host)
            for name in self.member.groups
            if name not in world.removed
        ]
        if not groups:
            self.joined.set()
            await self._told.wait()
            return
        async with Worker(queue, groups, drain=self.member.drain) as worker:
            world.history.add("joined", self.host, note=" ".join(one.name for one in groups))
            self.joined.set()
            await self._told_or(worker)
            world.history.add("drains", self.host)
        world.history.add("drained", self.host)

    async def _told_or(self, worker: Worker) -> None:
        """Wait until it is told to leave; raises what ends the worker before."""
        works = asyncio.create_task(worker.wait())
        told = asyncio.create_task(self._told.wait())
        await asyncio.wait([works, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if works.done():
            works.result()
        works.cancel()

    async def leave(self) -> None:
        """Drain, and end; returns when it has, or is dead."""
        self.leaving = True
        self._told.set()
        await self.left.wait()
