"""Requests and their answers, as far as they are the same on every queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from dovetail.codec.answers import failure_answer
from dovetail.errors import MessageTooLarge
from dovetail.limits import ANSWERS_AT_ONCE
from dovetail.transport import Answerer
from dovetail.transports.common.mailbox import Mailbox

Item = TypeVar("Item")


async def answers_until(deadline: float, mailbox: Mailbox[Item | Exception]) -> AsyncIterator[Item]:
    """What comes until the deadline, a time of the event loop. An exception that comes is raised."""
    while True:
        try:
            answer = await mailbox.get(deadline)
        except TimeoutError:
            return
        if isinstance(answer, Exception):
            raise answer
        yield answer


async def fitting_answer(
    answer: Answerer, body: bytes, check_size: Callable[[int], None], subject: str, source: str
) -> bytes:
    """The answer to a request; where it is too large to be sent, one that says so."""
    answered = await answer(body)
    try:
        check_size(len(answered))
    except MessageTooLarge as error:
        return failure_answer(subject, error, source)
    return answered


class AnswerTasks(Generic[Item]):
    """Answers each request in a task of its own, so many of them at once."""

    def __init__(self, answer: Callable[[Item], Awaitable[None]]) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(ANSWERS_AT_ONCE)

    def start(self, request: Item) -> None:
        """One more request."""
        task = asyncio.get_running_loop().create_task(self._run(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return when all are answered."""
        await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        """End those that are left."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, request: Item) -> None:
        async with self._room:
            await self._answer(request)
