"""Request and reply."""

from __future__ import annotations

import asyncio
import time

import pytest

from dovetail import (
    Context,
    DecodeError,
    Group,
    HandlerFailed,
    MessageQueue,
    MessageTooLarge,
    NoAnswer,
    NobodyListening,
    Request,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import Conformance
from dovetail.testing.conformance.names import NESTED, Question, fresh, question
from dovetail.testing.conformance.waiting import Seen


def answering(kind: type[Question], asked: Seen[int] | None = None) -> Group:
    """A group whose answer is the number in words that a test recognises."""
    group = Group(fresh("group"))

    @group.on(kind)
    async def answer(request: Question) -> str:
        if asked is not None:
            asked.add(request.number)
        return f"answer {request.number}"

    return group


def answering_otherwise(kind: type[Question]) -> Group:
    """A group whose answers are not of the type that the request names, as those of another release."""
    group = Group(fresh("group"))

    class Otherwise(Request[int], frozen=True, subject=kind.__subject__):
        number: int

    @group.on(Otherwise)
    async def answer(request: Otherwise) -> int:
        return request.number

    return group


class Requests(Conformance):
    """The first answer, or why there is none."""

    async def test_answer(self, queue: MessageQueue) -> None:
        kind, contexts = question(), Seen[Context]()
        group = Group(fresh("group"))

        @group.on(kind)
        async def answer(request: Question, context: Context) -> str:
            contexts.add(context)
            return request.text * 2

        async with Worker(queue, [group]):
            assert await queue.request(kind(text="é")) == "éé"
        assert (contexts.items[0].group, contexts.items[0].attempt) == (group.name, 1)

    async def test_many_at_once_each_get_their_own(self, queue: MessageQueue, address: str) -> None:
        kind, asked = question(), Seen[int]()
        group = answering(kind, asked)
        async with connect(address) as another, Worker(queue, [group]), Worker(another, [group]):
            answers = await asyncio.gather(
                *(queue.request(kind(number), timeout=10) for number in range(200))
            )
        assert answers == [f"answer {number}" for number in range(200)]
        assert sorted(asked.items) == list(range(200))  # one member answers each

    async def test_handler_that_raises(self, queue: MessageQueue) -> None:
        kind = question()
        group = Group(fresh("group"))

        @group.on(kind)
        async def fail(request: Question) -> str:
            raise LookupError("no such thing")

        async with Worker(queue, [group]):
            with pytest.raises(HandlerFailed, match="LookupError: no such thing"):
                await queue.request(kind())

    async def test_handler_out_of_time(self, queue: MessageQueue) -> None:
        kind = question()
        group = Group(fresh("group"), timeout=0.1)

        @group.on(kind)
        async def never_end(request: Question) -> str:
            await asyncio.Event().wait()
            return ""

        async with Worker(queue, [group]):
            with pytest.raises(HandlerFailed, match="TimeoutError"):
                await queue.request(kind(), timeout=10)

    async def test_nobody_is_there(self, queue: MessageQueue) -> None:
        self.need("knows_nobody_listens")
        kind, started = question(), time.monotonic()
        with pytest.raises(NobodyListening, match="is its worker running"):
            await queue.request(kind(), timeout=20)
        async with Worker(queue, [answering(kind)]):
            await queue.request(kind(), timeout=20)
        with pytest.raises(NobodyListening):  # nor any longer
            await queue.request(kind(), timeout=20)
        assert time.monotonic() - started < 20

    async def test_late_answer_is_ignored(self, queue: MessageQueue) -> None:
        kind, late, answered = question(), asyncio.Event(), asyncio.Event()
        group = Group(fresh("group"))

        @group.on(kind)
        async def answer(request: Question) -> str:
            if request.number == 0:
                await late.wait()
                answered.set()
            return f"answer {request.number}"

        async with Worker(queue, [group]):
            with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
                await queue.request(kind(0), timeout=0.2)
            late.set()
            await answered.wait()
            assert await queue.request(kind(1)) == "answer 1"

    async def test_second_answer_is_ignored(self, queue: MessageQueue) -> None:
        kind = question()
        async with Worker(queue, [answering(kind), answering(kind)]):
            for number in range(20):
                assert await queue.request(kind(number)) == f"answer {number}"

    async def test_bytes_that_are_no_request(self, queue: MessageQueue) -> None:
        kind = question()
        async with Worker(queue, [answering(kind)]):
            for body in (b"", b"junk", b"\xff", NESTED):
                async with queue.transport.request(kind.__subject__, body, 10) as answers:
                    assert b"DecodeError" in await anext(answers)
            assert await queue.request(kind(1)) == "answer 1"

    async def test_answer_of_another_type(self, queue: MessageQueue) -> None:
        kind = question()
        async with Worker(queue, [answering_otherwise(kind)]):
            with pytest.raises(DecodeError, match="Expected `str`, got `int`"):
                await queue.request(kind())

    async def test_request_too_large(self, queue: MessageQueue) -> None:
        kind = question()
        async with Worker(queue, [answering(kind)]):
            with pytest.raises(MessageTooLarge):
                await queue.request(kind(text="x" * 2 * self.features.largest_body))
            assert await queue.request(kind(1)) == "answer 1"

    async def test_answer_too_large(self, queue: MessageQueue) -> None:
        kind = question()
        group = Group(fresh("group"))

        @group.on(kind)
        async def answer(request: Question) -> str:
            return "x" * request.number

        async with Worker(queue, [group]):
            with pytest.raises(HandlerFailed, match="MessageTooLarge"):
                await queue.request(kind(2 * self.features.largest_body), timeout=10)
            assert await queue.request(kind(3)) == "xxx"
