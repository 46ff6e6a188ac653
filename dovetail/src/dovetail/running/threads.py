"""Runs plain functions in threads, so that they do not hold up the event loop."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from dovetail.errors import NotReady
from dovetail.limits import MOST_ABANDONED

log = logging.getLogger("dovetail.worker")


@dataclass
class _Call:
    """What a thread is to do, and who waits for it."""

    context: Context
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    #: Gets the result and None, or None and what was raised: a future takes no StopIteration.
    done: asyncio.Future[tuple[Any, BaseException | None]]


class Threads:
    """Calls `function` like an async one, up to `most` times at once, each in a copy of the caller's context.

    A thread cannot be stopped: where the caller is cancelled, the function runs on to its end, and what it
    returns or raises is only logged. Threads are kept for the next call, and do not keep the process alive.
    """

    def __init__(self, function: Callable[..., Any], name: str, most: int) -> None:
        self._function = function
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(most)
        self._idle: list[SimpleQueue[_Call | None]] = []
        self._abandoned = 0
        self._closed = False

    async def __call__(self, *arguments: Any) -> Any:
        """The function's result; where that is awaitable, as a wrapper's may be, what it gives."""
        async with self._places:
            if self._abandoned >= MOST_ABANDONED:
                raise NotReady(
                    f"{self._abandoned} calls of {self._name} ran out of time and run on"
                )
            call = _Call(copy_context(), self._function, arguments, self._loop.create_future())
            work = self._idle.pop() if self._idle else self._new_thread()
            work.put(call)
            try:
                result, error = await call.done
            except asyncio.CancelledError:
                # Not where it has ended at the same time, while the event loop was held up.
                if call.done.cancelled():
                    self._abandon()
                raise
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    def close(self) -> None:
        """Threads end with what they do at present."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _abandon(self) -> None:
        log.warning(
            "%s runs on in its thread, which cannot be stopped: what it returns is ignored",
            self._name,
        )
        self._abandoned += 1

    def _new_thread(self) -> SimpleQueue[_Call | None]:
        work: SimpleQueue[_Call | None] = SimpleQueue()
        threading.Thread(target=self._run, args=(work,), name=self._name, daemon=True).start()
        return work

    def _run(self, work: SimpleQueue[_Call | None]) -> None:
        """In the thread."""
        while call := work.get():
            result, error = None, None
            try:
                result = call.context.run(call.function, *call.arguments)
            except BaseException as raised:  # noqa: BLE001 - it is for whoever waits
                error = raised
            try:
                self._loop.call_soon_threadsafe(self._ended, work, call, result, error)
            except RuntimeError:  # the loop is closed
                return
            del call, result, error

    def _ended(
        self,
        work: SimpleQueue[_Call | None],
        call: _Call,
        result: Any,
        error: BaseException | None,
    ) -> None:
        if self._closed:
            work.put(None)
        else:
            self._idle.append(work)
        if not call.done.done():
            call.done.set_result((result, error))
            return
        self._abandoned -= 1
        log.info(
            "%s has ended, too late: %s",
            self._name,
            "it returned" if error is None else repr(error),
        )
