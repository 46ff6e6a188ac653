"""Workers are killed and stopped, as processes, in the middle of their work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from dovetail import Context, Group, MessageQueue, Worker
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.processes import start, worker_processes
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled

LEASE_SECONDS = 1.0
KILLED_MESSAGES, MEMBERS, KILLS = 4000, 3, 4
STOPPED_MESSAGES, STOPS = 3000, 2


class Killing(Conformance):
    """A killed worker loses nothing, and a stopped one repeats nothing either."""

    @size(messages=20, kills=1)
    async def test_killed_in_the_middle_of_a_handler(
        self, queue: MessageQueue, address: str
    ) -> None:
        self.need("processes")
        event, calls = numbered(), Seen[tuple[int, int]]()
        group = Group(fresh("group"), lease=LEASE_SECONDS)

        @group.on(event)
        async def take(message: Numbered, context: Context) -> None:
            calls.add((message.number, context.attempt))

        await queue.publish_many([event(number) for number in range(20)])
        await _kill_with_one_in_hand(address, group.name, event.__subject__)
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(calls.items) == [(number, 1) for number in range(20)]
        assert not await queue.dead_letters.list(group=group.name)

    @size(messages=KILLED_MESSAGES, members=MEMBERS, kills=KILLS)
    async def test_killed_again_and_again(
        self, queue: MessageQueue, address: str, tmp_path: Path
    ) -> None:
        self.need("processes")
        event, group, count = numbered(), fresh("group"), KILLED_MESSAGES
        await queue.publish_many([event(number) for number in range(count)])
        with worker_processes(address, group, event.__subject__, tmp_path / "handled") as members:
            for _ in range(MEMBERS):
                members.start()
            for part in range(1, KILLS + 1):
                await members.have_handled(part * count // (KILLS + 2))
                await members.end_oldest(signal.SIGKILL)
                members.start()
            await all_handled(queue, group)
            calls: dict[int, list[int]] = {number: [] for number in range(count)}
            for member, number in members.handled():
                calls[number].append(member)
        assert all(calls.values())
        # Only what a killed one had handled comes again, where the queue did not know yet.
        assert {member for times in calls.values() for member in times[:-1]} <= members.ended
        assert sum(map(len, calls.values())) < count * 1.25
        assert not await queue.dead_letters.list(group=group)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
    @size(messages=STOPPED_MESSAGES, stops=STOPS)
    async def test_stopped_under_load(
        self, queue: MessageQueue, address: str, tmp_path: Path, number: signal.Signals
    ) -> None:
        self.need("processes")
        event, group, count = numbered(), fresh("group"), STOPPED_MESSAGES
        await queue.publish_many([event(number) for number in range(count)])
        with worker_processes(address, group, event.__subject__, tmp_path / "handled") as members:
            members.start()
            for part in range(1, STOPS + 1):
                await members.have_handled(part * count // (STOPS + 2))
                members.start()
                assert await members.end_oldest(number) == 0
            await all_handled(queue, group)
            assert sorted(number for _, number in members.handled()) == list(range(count))


async def _kill_with_one_in_hand(address: str, group: str, subject: str) -> None:
    victim = start("victim.py", address, group, subject, str(LEASE_SECONDS), stdout=subprocess.PIPE)
    try:
        assert victim.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await asyncio.to_thread(victim.stdout.readline) == b"in hand\n"
    finally:
        victim.kill()
        victim.communicate()
