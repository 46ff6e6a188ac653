"""Mistakes in a handler."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from functools import partial
from typing import Any, cast

from dovetail import Backoff, Context, Group, MessageQueue, Retry, Worker
from dovetail.limits import MOST_PREFETCH, MOST_SECONDS
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled


class Mistakes(Conformance):
    """Each costs its own message; the worker goes on."""

    async def test_each_costs_its_own_message(self, queue: MessageQueue) -> None:
        event, effect, handled = numbered(), numbered(), Seen[int]()
        mistakes = {
            0: lambda: Retry("why", after=cast(Any, "2")),
            1: lambda: Retry("why", after=math.inf),
            2: lambda: Retry(cast(Any, 5)),
        }
        returned: dict[int, Any] = {
            3: effect(number=cast(Any, "3")),
            4: [effect(4), effect(text="\udc80")],
            5: effect,
        }
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=1), not_ready=_unsure)

        @group.on(event)
        async def handle(message: Numbered) -> Any:
            if message.number in mistakes:
                raise mistakes[message.number]()
            handled.add(message.number)
            return returned.get(message.number)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(20)])
            await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
        reasons = sorted(letter.reason for letter in letters)
        assert sorted(handled.items) == list(range(3, 20))
        assert [reason.split(":")[0] for reason in reasons] == [
            "ConfigurationError",
            "ConfigurationError",
            "ConfigurationError",
            "EncodeError",
            "EncodeError",
            "TypeError",
        ]
        assert all("handle returned" in reason for reason in reasons[3:])
        assert not await queue.waiting(effect, fresh("group"))

    async def test_pause_as_a_timedelta(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Seen[float]()
        group = Group(fresh("group"), lease=timedelta(seconds=5), timeout=timedelta(minutes=1))

        @group.on(event)
        async def fail_once(message: Numbered, context: Context) -> None:
            calls.add(time.monotonic())
            if context.attempt == 1:
                raise Retry("soon", after=timedelta(milliseconds=100))

        async with Worker(queue, [group]):
            await queue.publish(event())
            first, second = await calls.has(2)
        assert 0.09 <= second - first < 10

    async def test_what_is_allowed_works_at_its_limits(self, queue: MessageQueue) -> None:
        event, calls = numbered(), Seen[int]()
        century = timedelta(seconds=MOST_SECONDS)
        group = Group(
            fresh("group"),
            lease=century,
            timeout=century,
            prefetch=MOST_PREFETCH,
            concurrency=50,
            retry=Backoff(first=century, most=century),
        )

        @group.on(event)
        async def handle(message: Numbered) -> None:
            calls.add(message.number)
            if message.number == 1:
                raise Retry("in a century", after=century)
            if message.number == 2:
                raise ValueError("in a century, too")

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(10)])
            assert sorted(await calls.has(10)) == list(range(10))
        waiting = {one.data["number"] for one in await queue.waiting(event, group.name)}
        assert {1, 2} <= waiting <= set(range(1, 10))  # NATS knows the first that is not handled
        assert not await queue.dead_letters.list(group=group.name)

    async def test_functions_of_many_kinds(self, queue: MessageQueue) -> None:
        """Methods, partials and objects are called as functions are."""
        event, other, third, seen = numbered(), numbered(), numbered(), Seen[tuple[str, int]]()
        group, service = Group(fresh("group")), _Service(seen)
        group.on(event)(service.take)
        group.on(other, batch=5)(partial(service.take_many, "partial"))
        group.on(third)(service)
        async with Worker(queue, [group]):
            for number, kind in enumerate((event, other, third)):
                await queue.publish(kind(number))
            await seen.has(3)
            await all_handled(queue, group.name)
        assert sorted(seen.items) == [("call", 2), ("method", 0), ("partial", 1)]


def _unsure(error: Exception) -> bool:
    raise LookupError(f"no such code: {error}")


class _Service:
    def __init__(self, seen: Seen[tuple[str, int]]) -> None:
        self._seen = seen

    async def take(self, event: Numbered, context: Context) -> None:
        assert context.attempt == 1
        self._seen.add(("method", event.number))

    async def take_many(
        self, name: str, events: list[Numbered], contexts: list[Context]
    ) -> list[None]:
        self._seen.add((name, events[0].number))
        return [None for _ in contexts]

    async def __call__(self, event: Numbered) -> None:
        self._seen.add(("call", event.number))
