"""What a handler's call may do, and what it may not touch."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import msgspec
import pytest

from dovetail import Backoff, Context, Group, HandlerFailed, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import Numbered, Question, fresh, numbered, question
from dovetail.testing.conformance.waiting import Seen, all_handled

ONE_TRY = Backoff(first=0.05, tries=1)
_said: ContextVar[str] = ContextVar("_said", default="nothing")
_made: ContextVar[list[int]] = ContextVar("_made")


async def _cancel_itself(message: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _cancel_itself_and_fail(message: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    raise ValueError("after it cancelled itself")


async def _await_cancelled(message: Any) -> None:
    waiting = asyncio.ensure_future(asyncio.sleep(9))
    waiting.cancel()
    await waiting


async def _many(message: Any) -> AsyncIterator[int]:
    yield 1


async def _return_coroutine(message: Any) -> Any:
    return asyncio.sleep(9)


async def _return_many(message: Any) -> Any:
    return _many(message)


def _raising(error: BaseException) -> Callable[[Any], Awaitable[None]]:
    async def fail(message: Any) -> None:
        raise error

    return fail


def _exit_in_thread(message: Any) -> None:
    sys.exit(3)


async def _exit(message: Any) -> None:
    sys.exit(3)


#: What would end a task or a program, and what the dead letter says.
MISBEHAVING: list[tuple[Callable[[Any], Awaitable[Any]], str]] = [
    (_exit, "SystemExit: 3"),
    (_raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    (_raising(GeneratorExit()), "GeneratorExit"),
    (_raising(StopIteration(1)), "StopIteration"),
    (_raising(StopAsyncIteration(1)), "StopAsyncIteration"),
    (_raising(asyncio.CancelledError()), "cancelled"),
    (_raising(BaseException("base")), "BaseException: base"),
    (_raising(BaseExceptionGroup("all", [SystemExit(1)])), "BaseExceptionGroup: all"),
    (_cancel_itself, "cancelled its own task"),
    (_cancel_itself_and_fail, "ValueError: after"),
    (_await_cancelled, "waited for something that was cancelled"),
    (_return_coroutine, "returned <coroutine"),
    (_return_many, "returned <async_generator"),
]
#: The same in a thread.
MISBEHAVING_IN_THREAD = [
    (SystemExit(3), "SystemExit: 3"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit"),
    (StopIteration(), "StopIteration"),
    (asyncio.CancelledError(), "cancelled"),
]


class Calling(Conformance):
    """A call costs its message at most, runs in a context of its own, and a plain function in a thread."""

    @pytest.mark.parametrize("batch", [0, 1])
    async def test_what_a_handler_does_costs_that_message(
        self, queue: MessageQueue, batch: int
    ) -> None:
        event, in_thread, seen = numbered(), numbered(), Seen[int]()
        group = Group(fresh("group"), retry=ONE_TRY)

        @group.on(event, batch=batch)
        async def misbehave(message: Any) -> Any:
            number = message[0].number if batch else message.number
            if number == len(MISBEHAVING):
                seen.add(number)
                return None
            return await MISBEHAVING[number][0](message)

        @group.on(in_thread, batch=batch)
        def fail(message: Any) -> None:
            raise MISBEHAVING_IN_THREAD[message[0].number if batch else message.number][0]

        async with Worker(queue, [group]):
            await queue.publish_many([event(one) for one in range(len(MISBEHAVING) + 1)])
            await queue.publish_many([in_thread(one) for one in range(len(MISBEHAVING_IN_THREAD))])
            await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
        reasons = {
            (one.subject, msgspec.json.decode(one.body)["data"]["number"]): one.reason
            for one in letters
        }
        assert seen.items == [len(MISBEHAVING)]
        assert len(reasons) == len(MISBEHAVING) + len(MISBEHAVING_IN_THREAD)
        for which, cases in ((event, MISBEHAVING), (in_thread, MISBEHAVING_IN_THREAD)):
            for number, (_, says) in enumerate(cases):
                reason = reasons[which.__subject__, number]
                assert says in reason or (batch and "must return None, or a list" in reason)

    @pytest.mark.parametrize("misbehave", [_exit, _cancel_itself, _exit_in_thread])
    async def test_what_a_handler_of_requests_does_costs_that_answer(
        self, queue: MessageQueue, misbehave: Callable[[Any], Any]
    ) -> None:
        asked, group = question(), Group(fresh("group"))
        group.on(asked)(misbehave)
        async with Worker(queue, [group]):
            for _ in range(2):
                with pytest.raises(HandlerFailed, match=r"SystemExit: 3|cancelled its own"):
                    await queue.request(asked(), timeout=10)

    @pytest.mark.parametrize("options", [{}, {"timeout": 5.0}], ids=["plain", "timeout"])
    @pytest.mark.parametrize("batch", [0, 2])
    async def test_what_one_call_sets_no_other_sees(
        self, queue: MessageQueue, batch: int, options: dict[str, Any]
    ) -> None:
        event, seen = numbered(), Seen[tuple[str, bool]]()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2), **options)

        @group.on(event, batch=batch)
        async def remember(message: Any, context: Any) -> None:
            seen.add((_said.get(), _made.get(None) is None))
            _said.set("something")
            _made.set([])
            await asyncio.sleep(0)
            assert _said.get() == "something"
            first = context[0] if batch else context
            if first.attempt == 1:
                raise ValueError("once more")

        token = _said.set("the worker's")
        try:
            async with Worker(queue, [group]):
                await queue.publish_many([event(number) for number in range(6)])
                await all_handled(queue, group.name)
        finally:
            _said.reset(token)
        assert set(seen.items) == {("the worker's", True)}

    async def test_answers_have_a_context_of_their_own(self, queue: MessageQueue) -> None:
        asked, group = question(), Group(fresh("group"))

        @group.on(asked)
        async def answer(message: Question) -> str:
            said = _said.get()
            _said.set("something")
            return said

        async with Worker(queue, [group]):
            _said.set("who asks")
            answers = [await queue.request(asked(), timeout=10) for _ in range(3)]
        assert answers == ["nothing"] * 3

    @pytest.mark.parametrize("batch", [0, 4])
    async def test_plain_functions_run_in_threads(self, queue: MessageQueue, batch: int) -> None:
        event, effect, seen = numbered(), numbered(), Seen[int]()
        group = Group(fresh("group"))
        threads: set[int] = set()
        _said.set("the worker's")

        @group.on(event, batch=batch)
        def double(message: Any) -> Any:
            assert _said.get() == "the worker's"
            _said.set("mine")
            threads.add(threading.get_ident())
            results = [effect(one.number * 2) for one in (message if batch else [message])]
            return results if batch else results[0]

        @group.on(effect)
        async def see(message: Numbered) -> None:
            seen.add(message.number)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(8)])
            await seen.has(8)
            await all_handled(queue, group.name)
        assert sorted(seen.items) == [0, 2, 4, 6, 8, 10, 12, 14]
        assert threads
        assert threading.get_ident() not in threads

    async def test_as_many_threads_as_calls_at_once(self, queue: MessageQueue) -> None:
        event, group = numbered(), Group(fresh("group"), concurrency=3)
        together = threading.Barrier(3)

        @group.on(event)
        def meet(message: Numbered) -> None:
            together.wait(timeout=20)

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(3)])
            await all_handled(queue, group.name)
        assert not await queue.dead_letters.list(group=group.name)

    async def test_plain_function_slower_than_its_lease_is_not_run_twice(
        self, queue: MessageQueue, address: str
    ) -> None:
        event, calls = numbered(), Seen[int]()
        group = Group(fresh("group"), lease=1.0)

        @group.on(event)
        def take_long(message: Numbered) -> None:
            calls.add(message.number)
            if message.number == 0:
                time.sleep(1.5)

        await queue.publish_many([event(number) for number in range(4)])
        async with connect(address) as another, Worker(queue, [group]), Worker(another, [group]):
            await all_handled(queue, group.name)
        assert sorted(calls.items) == list(range(4))

    async def test_plain_function_that_runs_out_of_time(self, queue: MessageQueue) -> None:
        event, go_on, contexts = numbered(), threading.Event(), Seen[int]()
        group = Group(fresh("group"), timeout=0.1, retry=Backoff(first=0.05, tries=2))

        @group.on(event)
        def never_end(message: Numbered, context: Context) -> None:
            contexts.items.append(context.attempt)
            go_on.wait(20)

        async with Worker(queue, [group]):
            await queue.publish(event())
            await all_handled(queue, group.name)
            go_on.set()
        [letter] = await queue.dead_letters.list(group=group.name)
        assert contexts.items == [1, 2]
        assert letter.reason == "TimeoutError: the handler took longer than 0.1 s"

    async def test_drain_waits_for_plain_functions(self, queue: MessageQueue) -> None:
        event, begun, ended = numbered(), asyncio.Event(), list[int]()
        group, loop = Group(fresh("group")), asyncio.get_running_loop()

        @group.on(event)
        def take_long(message: Numbered) -> None:
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.3)
            ended.append(message.number)

        async with Worker(queue, [group]):
            await queue.publish(event(7))
            await begun.wait()
        assert ended == [7]
        [row] = [row for row in (await queue.status()).groups if row.group == group.name]
        assert (row.waiting, row.in_hand) == (0, 0)
