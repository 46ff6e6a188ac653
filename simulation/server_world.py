"""The world over a real transport: each host connects to a fake server, over the simulated network."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

from dovetail import MessageQueue
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.errors import QueueUnavailable
from dovetail.transport import Transport
from dovetail.transports.registry import make_transport
from simulation.clients import Client
from simulation.loop import SimulationLoop, on_host
from simulation.process import AGAIN_SECONDS, Process
from simulation.scenario import OPERATOR, QUEUE, Fault, Member, Scenario, Step
from simulation.servers.base import FakeServer
from simulation.wires import Wires
from simulation.world import World

#: Where the fake server of each technology is, and the port it listens on.
SERVERS = {
    "redis": ("simulation.servers.redis", "FakeRedis", 6379),
    "nats": ("simulation.servers.nats", "FakeNats", 4222),
    "rabbitmq": ("simulation.servers.rabbitmq", "FakeRabbit", 5672),
}
#: What simloop calls the host that whatever belongs to no process runs on, and so operators do.
DRIVER = "driver"
OPERATORS_LATENCY = (0.0005, 0.005)


class ServerWorld(World):
    """One scenario over a server, while it runs."""

    def __init__(self, scenario: Scenario, loop: SimulationLoop) -> None:
        super().__init__(scenario, loop)
        module, name, self._port = SERVERS[scenario.queue]
        make: Callable[[Random], FakeServer] = getattr(importlib.import_module(module), name)
        self._server = make(Random(f"{loop.seed}:server"))
        self._server.disk_seconds = scenario.disk
        self._listener: asyncio.AbstractServer | None = None
        self._wires = Wires(loop)
        self._wires.lay(DRIVER, OPERATORS_LATENCY)
        #: How many faults keep the server from listening.
        self._down = 0

    # The server

    async def _open(self) -> None:
        await on_host(self.loop, QUEUE, self._listen())

    async def _listen(self) -> None:
        if self._down or self._listener is not None:  # it was frozen, and this comes late
            return
        self._listener = await self.loop.create_server(self._server.accept, QUEUE, self._port)

    async def _befall(self, fault: Fault) -> None:
        if fault.host == QUEUE:
            await asyncio.sleep(fault.at)
            await self._befall_server(fault)
        elif fault.host == OPERATOR:
            await asyncio.sleep(fault.at)
            await self._cut_off(OPERATOR, DRIVER, fault)
        else:
            await super()._befall(fault)

    async def _befall_server(self, fault: Fault) -> None:
        what = "killed" if fault.how == "killed" else "frozen"
        self.history.add("cut", QUEUE, note=f"{what} for {fault.seconds:.3f} s")
        if what == "killed":
            self._down += 1
            await on_host(self.loop, QUEUE, self._crash())
            await asyncio.sleep(fault.seconds)
            self._down -= 1
            if not self._down:
                await on_host(self.loop, QUEUE, self._listen())
        else:
            self.loop.freeze(QUEUE, fault.seconds)
            await asyncio.sleep(fault.seconds)
        self.history.add("healed", QUEUE)

    async def _crash(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._server.crash()

    # Hosts

    def way_of(self, host: str, member: Member) -> Callable[[], Transport]:
        """As World.way_of."""
        self._wires.lay(host, member.latency)
        return lambda: self._transport(host)

    def _operators_way(self) -> Transport:
        return self._transport("operator")

    def _transport(self, host: str) -> Transport:
        inner = make_transport(self._server.url(QUEUE, self._port), self.options)
        return cast(Transport, Client(inner, self.history, self.planned, host))

    def _unlink(self, host: str) -> None:
        self._wires.killed(host)

    async def _cut(self, process: Process, fault: Fault) -> None:
        await self._cut_off(process.host, process.host, fault)

    async def _cut_off(self, name: str, host: str, fault: Fault) -> None:
        """`name` is what the history calls the host."""
        self.history.add("cut", name, note=fault.how)
        if fault.how == "stalls":
            self._wires.stall(host)
            await asyncio.sleep(fault.seconds)
        elif fault.how == "replies lost":
            self._wires.silence(host, both_ways=False)
            await asyncio.sleep(fault.seconds)
            self._wires.reset(host)
        else:
            self._wires.silence(host, both_ways=True)
            self._wires.reset(host)
            await asyncio.sleep(fault.seconds)
        self._wires.heal(host)
        self.history.add("healed", name)

    async def _operate(self, step: Step) -> None:
        try:
            await super()._operate(step)
        except QueueUnavailable as error:
            self.history.add("gave up", "operator", note=f"{step.operation}: {error}"[:80])

    async def _alter(self, queue: MessageQueue, step: Step) -> None:
        """As World._alter, until the server has said that it is done."""
        again = False
        while True:
            try:
                # The answer may have been lost.
                if again and step.new in await queue.transport.group_names():
                    return None
                return await super()._alter(queue, step)
            except QueueUnavailable:
                again = True
                await asyncio.sleep(AGAIN_SECONDS)

    # The end

    def _make_room(self) -> None:
        """Nothing limits it."""

    async def _unsettled(self) -> list[str]:
        left: list[str] = []
        for one in (await self._asked("status")).groups:
            name = self.planned(one.group)
            if (one.waiting or one.in_hand) and name not in self.removed:
                left.append(f"{name} {one.subject}: {one.waiting} wait, {one.in_hand} in hand")
        return left

    async def _letters(self) -> Sequence[DeadLetter]:
        letters: Sequence[DeadLetter] = await self._asked("dead_letters", LetterFilter())
        return letters

    def _see_what_is_left(self) -> None:
        """Nobody is told what history is kept."""

    async def _end(self) -> None:
        await super()._end()
        self._server.close()

    async def _asked(self, what: str, *arguments: object) -> Any:
        """What the server says, when it can."""
        while True:
            try:
                async with MessageQueue(self._operators_way(), self.options) as queue:
                    return await getattr(queue.transport, what)(*arguments)
            except QueueUnavailable:
                await asyncio.sleep(AGAIN_SECONDS)
