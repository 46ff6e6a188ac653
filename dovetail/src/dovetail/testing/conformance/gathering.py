"""Scatter and gather."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from dovetail import Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Question, fresh, question
from dovetail.testing.conformance.requests import answering_otherwise


class Gathering(Conformance):
    """Every answer, and why it stopped waiting."""

    async def test_every_member(self, queue: MessageQueue, address: str) -> None:
        kind, group = question(), fresh("group")
        async with _members(address, [(kind, group, True)] * 3):
            gathered = await queue.gather(kind(1), timeout=2)
        assert (gathered.stopped, gathered.failures) == ("timeout", [])
        assert sorted(gathered) == ["0 says 1", "1 says 1", "2 says 1"]

    async def test_one_of_each_group(self, queue: MessageQueue, address: str) -> None:
        kind, first, second = question(), fresh("group"), fresh("group")
        members = [(kind, name, False) for name in (first, first, second, second)]
        async with _members(address, members):
            gathered = await queue.gather(kind(1), timeout=20, stall=1)
        assert len(gathered) == 2
        assert {int(answer[0]) // 2 for answer in gathered} == {0, 1}

    async def test_stops_after_as_many_as_were_asked_for(
        self, queue: MessageQueue, address: str
    ) -> None:
        kind = question()
        async with _members(address, [(kind, fresh("group"), True)] * 3):
            gathered = await queue.gather(kind(1), timeout=20, most=2)
        assert (gathered.stopped, len(gathered)) == ("most", 2)

    async def test_stops_when_no_more_come(self, queue: MessageQueue, address: str) -> None:
        kind, started = question(), time.monotonic()
        async with _members(address, [(kind, fresh("group"), True)] * 2):
            gathered = await queue.gather(kind(1), timeout=20, stall=1)
        assert (gathered.stopped, len(gathered)) == ("stall", 2)
        assert time.monotonic() - started < 15

    async def test_nobody_is_there(self, queue: MessageQueue) -> None:
        self.need("knows_nobody_listens")
        gathered = await queue.gather(question()(), timeout=20)
        assert (gathered.stopped, gathered.answers) == ("nobody", [])

    async def test_nobody_answers(self, queue: MessageQueue) -> None:
        kind, group = question(), Group(fresh("group"))

        @group.on(kind)
        async def never_end(request: Question) -> str:
            await go_on.wait()
            return ""

        go_on = asyncio.Event()
        async with Worker(queue, [group]):
            gathered = await queue.gather(kind(), timeout=0.2)
            go_on.set()
        assert (gathered.stopped, gathered.answers) == ("timeout", [])

    async def test_failures_do_not_hide_answers(self, queue: MessageQueue, address: str) -> None:
        kind, failing = question(), Group(fresh("group"))

        @failing.on(kind)
        async def fail(request: Question) -> str:
            raise LookupError("no such thing")

        async with _members(address, [(kind, fresh("group"), True)]), Worker(queue, [failing]):
            gathered = await queue.gather(kind(1), timeout=20, stall=1)
        assert gathered.answers == ["0 says 1"]
        assert gathered.failures == ["LookupError: no such thing"]

    async def test_answer_of_another_type_does_not_hide_the_others(
        self, queue: MessageQueue, address: str
    ) -> None:
        kind = question()
        async with (
            _members(address, [(kind, fresh("group"), True)]),
            Worker(queue, [answering_otherwise(kind)]),
        ):
            gathered = await queue.gather(kind(1), timeout=20, stall=1)
        [failure] = gathered.failures
        assert gathered.answers == ["0 says 1"]
        assert "Expected `str`, got `int`" in failure


@asynccontextmanager
async def _members(
    address: str, members: list[tuple[type[Question], str, bool]]
) -> AsyncIterator[None]:
    """Members of groups, each on its own connection; each answers with its place in the list."""
    async with AsyncExitStack() as stack:
        for place, (kind, name, every) in enumerate(members):
            queue = await stack.enter_async_context(connect(address))
            await stack.enter_async_context(Worker(queue, [_member(place, kind, name, every)]))
        yield


def _member(place: int, kind: type[Question], name: str, every: bool) -> Group:
    group = Group(name)

    @group.on(kind, every_member=every)
    async def answer(request: Question) -> str:
        return f"{place} says {request.number}"

    return group
