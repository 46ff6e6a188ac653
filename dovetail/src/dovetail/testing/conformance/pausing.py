"""A dependency that is down."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, NotReady, Worker
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

#: All retries together take a tenth of what the dependency is down.
RETRY = Backoff(first=0.02, most=0.02, tries=3)
DOWN_SECONDS = 0.6
_said: ContextVar[str] = ContextVar("_said", default="nothing")


class Dependency:
    """Down from its first use on, for a while."""

    def __init__(self, error: Exception) -> None:
        self.calls = 0
        self._error = error
        self._back: float | None = None

    def use(self) -> None:
        """Raise while it is down."""
        self.calls += 1
        if self._back is None:
            self._back = time.monotonic() + DOWN_SECONDS
        if time.monotonic() < self._back:
            raise self._error


class Pausing(Conformance):
    """The group pauses; no attempt is used up."""

    @pytest.mark.parametrize("batch", [0, 10])
    @pytest.mark.parametrize("options", [{}, {"timeout": 30}], ids=["plain", "timeout"])
    async def test_each_try_has_a_context_of_its_own(
        self, queue: MessageQueue, batch: int, options: dict[str, Any]
    ) -> None:
        event, said = numbered(), Seen[str]()
        group = Group(fresh("group"), retry=RETRY, **options)
        database = Dependency(NotReady("the database is away"))

        @group.on(event, batch=batch)
        async def save(message: Any) -> None:
            said.add(_said.get())
            _said.set("an earlier try")
            database.use()

        await queue.publish_many([event(number) for number in range(5)])
        token = _said.set("the worker")
        try:
            async with Worker(queue, [group]):
                await all_handled(queue, group.name)
        finally:
            _said.reset(token)
        assert database.calls > 1
        assert set(said.items) == {"the worker"}

    @pytest.mark.parametrize("batch", [0, 10])
    async def test_not_ready_uses_up_no_attempt(self, queue: MessageQueue, batch: int) -> None:
        event, handled, attempts = numbered(), Seen[Numbered](), Seen[int]()
        group = Group(fresh("group"), retry=RETRY)
        database = Dependency(NotReady("the database is away"))

        @group.on(event, batch=batch)
        async def save(message: Any, context: Any) -> None:
            for one in context if batch else [context]:
                attempts.add(one.attempt)
            database.use()
            for one in message if batch else [message]:
                handled.add(one)

        await queue.publish_many([event(number) for number in range(50)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(numbers(handled.items)) == list(range(50))
        assert set(attempts.items) == {1}
        assert not await queue.dead_letters.list(group=group.name)

    async def test_group_pauses_rather_than_trying_every_message(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[Numbered]()
        group = Group(fresh("group"), retry=RETRY, concurrency=4)
        database = Dependency(NotReady("the database is away"))

        @group.on(event)
        async def save(message: Numbered) -> None:
            database.use()
            handled.add(message)

        await queue.publish_many([event(number) for number in range(200)])
        async with Worker(queue, [group]):
            await handled.has(200)
        assert database.calls - 200 < 40
        assert sorted(numbers(handled.items)) == list(range(200))

    async def test_other_groups_go_on(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[Numbered]()
        paused = Group(fresh("group"))

        @paused.on(event)
        async def save(message: Numbered) -> None:
            raise NotReady("the database is away")

        async with Worker(queue, [paused, recording(event, handled)]):
            await queue.publish_many([event(number) for number in range(50)])
            assert numbers(await handled.has(50)) == list(range(50))

    @pytest.mark.parametrize(
        "not_ready",
        [(ConnectionError, KeyError), lambda error: "refused" in str(error)],
        ids=["types", "function"],
    )
    async def test_errors_that_mean_not_ready(self, queue: MessageQueue, not_ready: Any) -> None:
        event, handled = numbered(), Seen[int]()
        group = Group(fresh("group"), retry=RETRY, not_ready=not_ready)
        database = Dependency(ConnectionRefusedError("refused"))

        @group.on(event)
        async def save(message: Numbered, context: Context) -> None:
            database.use()
            handled.add(context.attempt)

        async with Worker(queue, [group]):
            await queue.publish(event())
            await all_handled(queue, group.name)
        assert handled.items == [1]
