"""Lets a scenario happen: hosts that join and go, publishers, faults, operators; looks what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast

from dovetail import (
    ConfigurationError,
    MessageQueue,
)
from dovetail.dead_letter import DeadLetter, LetterFilter
from dovetail.options import QueueOptions
from dovetail.transport import Transport
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.transport import MemoryTransport
from simulation.handlers import Handlers
from simulation.history import History
from simulation.loop import SimulationLoop, on_host
from simulation.network import Link
from simulation.observed import Observed, number_in
from simulation.process import Process
from simulation.publishing import Publishing
from simulation.remote import Remote
from simulation.scenario import QUEUE, Fault, Member, Scenario, Step

#: What is left to do when the scenario is over must be done by then, in seconds.
SETTLE_SECONDS = 3 * 3600.0


class NeverSettled(AssertionError):
    """Something is left to do, for ever."""


class World:
    """One scenario, while it runs."""

    def __init__(self, scenario: Scenario, loop: SimulationLoop) -> None:
        self.scenario = scenario
        self.loop = loop
        self.history = History(loop.true_time)
        self.handlers = Handlers(scenario, loop, self.history)
        keep = None if scenario.keep is None else timedelta(seconds=scenario.keep)
        self.options = QueueOptions(keep=keep, limit_bytes=scenario.limit_bytes)
        self._stores: dict[str, Store] = {}
        self.queue = MemoryTransport(self._stores, "sim", self.options)
        #: The links of hosts, and the transports at their ends.
        self._links: dict[str, tuple[Link, Observed]] = {}
        #: What groups are called now, by what they are called in the scenario.
        self.names = {group.name: group.name for group in scenario.groups}
        self.removed: set[str] = set()
        #: Processes that run now, by host.
        self.running: dict[str, Process] = {}
        self._started = 0
        self.over = False
        #: While it is not set, no process may start: groups are being renamed or removed.
        self.steady = asyncio.Event()
        self.steady.set()
        loop.when_killed = self.kill
        #: What ended processes that should have gone on.
        self.broken: list[BaseException] = []

    def planned(self, name: str) -> str:
        """What the scenario calls the group of this name or place."""
        for planned, now in self.names.items():
            if name == now:
                return planned
        return name

    async def run(self) -> History:
        """All that was seen."""
        await self._open()
        first = [one for one in self.scenario.members if one.joins == 0]
        await asyncio.gather(*(self.start(one).joined.wait() for one in first))
        later = [one for one in self.scenario.members if one.joins > 0]
        works = [
            *(self._join_later(one) for one in later),
            *(self._befall(one) for one in self.scenario.faults),
            *(self._operate(one) for one in self.scenario.steps),
            *Publishing(self).works(),
        ]
        await asyncio.gather(*works)
        await self._settle()
        self.history.add("settled")
        await self._end()
        return self.history

    # The queue

    async def _open(self) -> None:
        """Start the queue."""
        await on_host(self.loop, QUEUE, self.queue.open())

    def way_of(self, host: str, member: Member) -> Callable[[], Transport]:
        """What gives a transport to a process, for each time that it connects."""
        remote = self.scenario.network
        link = Link(self.loop, host, member.latency)
        observed = Observed(self.queue, self.history, self.planned, host, remote=remote)
        self._links[host] = link, observed
        way = cast(Transport, Remote(observed, link) if remote else observed)
        return lambda: way

    def _operators_way(self) -> Transport:
        observed = Observed(self.queue, self.history, self.planned, "operator", remote=True)
        return cast(Transport, observed)

    def _unlink(self, host: str) -> None:
        """This host has died."""
        link, observed = self._links[host]
        link.kill()
        for subscription in observed.subscriptions:
            subscription.let_go()

    # Hosts

    def start(self, member: Member) -> Process:
        """One more process."""
        self._started += 1
        host = f"{member.host}.{self._started}"
        process = self.running[host] = Process(self, member, host)
        process.task = on_host(self.loop, host, process.run())
        process.task.add_done_callback(self._ended)
        return process

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.broken.append(error)

    def now_of(self, host: str) -> Process | None:
        """The process that runs on this host of the scenario."""
        for process in self.running.values():
            if process.member.host == host and not process.gone:
                return process
        return None

    def kill(self, host: str) -> None:
        """A process is gone without a word."""
        self.loop.kill(host)
        process = self.running[host]
        self.gone(process)
        self._unlink(host)
        if not process.leaving:
            self.loop.on_behalf_of("driver", 2.0, self._start_again, process.member)

    def gone(self, process: Process) -> None:
        """A process has ended."""
        self.running.pop(process.host, None)
        process.gone = True
        process.joined.set()
        process.left.set()

    def _start_again(self, member: Member) -> None:
        if not self.over:
            self.start(member)

    async def _join_later(self, member: Member) -> None:
        await asyncio.sleep(member.joins)
        await self.start(member).joined.wait()

    async def _befall(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        process = self.now_of(fault.host)
        if process is None:
            return
        match fault.how:
            case "killed":
                self.history.add("killed", process.host)
                self.kill(process.host)
            case "frozen":
                self.history.add("frozen", process.host, note=f"for {fault.seconds:.3f} s")
                self.loop.freeze(process.host, fault.seconds)
                await asyncio.sleep(fault.seconds)
                self.history.add("thawed", process.host)
            case "drains":
                await process.leave()
                await asyncio.sleep(fault.seconds)
                self._start_again(process.member)
            case _:
                await self._cut(process, fault)

    async def _cut(self, process: Process, fault: Fault) -> None:
        self.history.add("cut", process.host, note=fault.how)
        link, _ = self._links[process.host]
        if fault.how == "replies lost":
            link.mute = True
            await asyncio.sleep(fault.seconds)
            link.cut()
        else:
            link.cut()
            await asyncio.sleep(fault.seconds)
        link.heal()
        self.history.add("healed", process.host)

    # Operators

    async def _operate(self, step: Step) -> None:
        await asyncio.sleep(step.at)
        queue = MessageQueue(self._operators_way(), self.options)
        async with queue:
            match step.operation:
                case "replay":
                    await queue.dead_letters.replay_all()
                case "drop":
                    await queue.dead_letters.drop_all(most=1)
                case "rename" | "remove":
                    await self._change(queue, step)

    async def _change(self, queue: MessageQueue, step: Step) -> None:
        """With no member running, as both want it."""
        await self.steady.wait()
        self.steady.clear()
        stopped = await self._leave(step.group)
        try:
            await self._alter(queue, step)
            if step.operation == "rename":
                self.names[step.group] = step.new
                self.history.add("renamed", "operator", note=f"{step.group} to {step.new}")
            else:
                self.removed.add(step.group)
                self.history.add("removed", "operator", note=step.group)
        except ConfigurationError as refused:  # a member was started again meanwhile
            self.history.add("removed", "operator", note=f"not: {refused}"[:60])
        self.steady.set()
        for member in stopped:
            self._start_again(member)

    async def _alter(self, queue: MessageQueue, step: Step) -> None:
        """Raises ConfigurationError where a member runs."""
        if step.operation == "rename":
            await queue.rename_group(self.names[step.group], step.new)
        else:
            await queue.remove_group(self.names[step.group])

    async def _leave(self, group: str) -> list[Member]:
        """Stop all processes that run this group."""
        found = [one for one in self.running.values() if group in one.member.groups]
        await asyncio.gather(*(one.leave() for one in found))
        return [one.member for one in found]

    # The end

    async def _settle(self) -> None:
        """Let all that is left be done by hosts to which nothing happens any more."""
        self.over = True
        self.handlers.calm = True
        self._make_room()
        self.history.add("ended")
        for plan in self.scenario.groups:
            if plan.name not in self.removed:
                await self.start(Member(f"last-{plan.name}", (plan.name,))).joined.wait()
        deadline, pause = self.loop.true_time() + SETTLE_SECONDS, 2.0
        while left := await self._unsettled():
            if self.broken:
                break
            if self.loop.true_time() > deadline:
                raise NeverSettled("; ".join(left))
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, 60.0)

    def _make_room(self) -> None:
        """What is left to do may need some."""
        self.queue._options = replace(self.options, limit_bytes=None)

    async def _unsettled(self) -> list[str]:
        left: list[str] = []
        for (group, subject), backlog in self._stores["sim"].backlogs.items():
            if backlog.waiting or backlog.in_hand:
                left.append(f"{group} {subject}: {backlog.waiting} wait, {backlog.in_hand} in hand")
        return left

    async def _end(self) -> None:
        if self.broken:
            raise self.broken[0]
        for letter in await self._letters():
            number = number_in(letter.subject, letter.body, letter.headers)
            group = f"{self.planned(letter.group)}/{letter.claimed}"
            self.history.add(
                "letter",
                group=group,
                number=number,
                attempt=letter.attempts,
                note=letter.reason[:80],
            )
        self._see_what_is_left()
        await asyncio.gather(*(one.leave() for one in list(self.running.values())))

    async def _letters(self) -> Sequence[DeadLetter]:
        return await self.queue.dead_letters(LetterFilter())

    def _see_what_is_left(self) -> None:
        for stored in self._stores["sim"].history.values():
            number = number_in(stored.subject, stored.body, stored.headers)
            self.history.add("left", number=number, key=str(stored.sequence))
