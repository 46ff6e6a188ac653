"""Scatter and gather: collecting answers, and knowing why to stop (as NATS ADR-47 has it)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from dovetail.errors import DovetailError, NobodyListening

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Gathered(Generic[Answer]):
    """What `gather` brought in. Iterates over the answers."""

    answers: list[Answer]
    #: What handlers said that raised instead of answering, and what is wrong with other answers.
    failures: list[str]
    #: "timeout": the time was over; "most": as many as were asked for; "stall": no more came for a
    #: while; "nobody": nobody was there.
    stopped: Literal["timeout", "most", "stall", "nobody"]

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)


async def collect(
    source: AsyncGenerator[tuple[Answer, DovetailError | None]],
    stall: float | None,
    most: int | None,
) -> Gathered[Answer]:
    """Everything from the source until it ends, stalls, or has given `most`."""
    answers: list[Answer] = []
    failures: list[str] = []

    def done(stopped: Literal["timeout", "most", "stall", "nobody"]) -> Gathered[Answer]:
        return Gathered(answers, failures, stopped)

    async with aclosing(source):
        while most is None or len(answers) < most:
            pause = stall if answers or failures else None
            try:
                async with asyncio.timeout(pause):
                    answer, failure = await anext(source)
            except StopAsyncIteration:
                return done("timeout")
            except NobodyListening:
                return done("nobody")
            except TimeoutError:
                return done("stall")
            if failure is None:
                answers.append(answer)
            else:
                failures.append(str(failure))
    return done("most")
