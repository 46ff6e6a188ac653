"""Why collecting answers stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from dovetail.errors import DovetailError, HandlerFailed, NobodyListening
from dovetail.gather import collect

Answers = AsyncGenerator[tuple[int, DovetailError | None]]


async def some(*answers: int) -> Answers:
    for answer in answers:
        yield answer, None


async def then_silence(*answers: int) -> Answers:
    for answer in answers:
        yield answer, None
    await asyncio.Event().wait()


async def nobody() -> Answers:
    for subject in ("a.b",):
        raise NobodyListening(subject)
    yield 1, None


async def failing() -> Answers:
    yield 1, None
    yield 0, HandlerFailed("ValueError: no")
    yield 2, None


async def test_until_the_time_is_over() -> None:
    gathered = await collect(some(1, 2, 3), None, None)
    assert (list(gathered), len(gathered), gathered.stopped) == ([1, 2, 3], 3, "timeout")


async def test_as_many_as_were_asked_for() -> None:
    source = then_silence(1, 2, 3)
    gathered = await collect(source, None, 2)
    assert (gathered.answers, gathered.stopped) == ([1, 2], "most")
    with pytest.raises(StopAsyncIteration):  # it is closed
        await anext(source)


async def test_none_asked_for() -> None:
    gathered = await collect(some(1), None, 0)
    assert (gathered.answers, gathered.stopped) == ([], "most")


async def test_no_more_for_a_while() -> None:
    gathered = await collect(then_silence(1, 2), 0.05, None)
    assert (gathered.answers, gathered.stopped) == ([1, 2], "stall")


async def test_nobody() -> None:
    gathered = await collect(nobody(), 0.05, None)
    assert (gathered.answers, gathered.stopped) == ([], "nobody")


async def test_failures_are_apart() -> None:
    gathered = await collect(failing(), None, None)
    assert (gathered.answers, gathered.failures) == ([1, 2], ["ValueError: no"])
