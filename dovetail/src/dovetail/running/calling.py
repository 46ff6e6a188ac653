"""Calls handlers in contexts of their own. Whatever one raises or cancels costs its message alone."""

from __future__ import annotations

import asyncio
import signal
import types
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, TypeVar

from dovetail.running.failures import failure_of

Result = TypeVar("Result")


class Calls:
    """The calls that the present task makes. Tells those who cancel the task from handlers that do."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "handlers are called from a task"
        self._task = task
        #: How often the task was cancelled while a handler waited, and not by the handler: it is to end.
        self._from_outside = 0
        #: More than 0 while the task is cancelled.
        self.cancelling = task.cancelling

    @types.coroutine
    def apart(
        self, work: Coroutine[Any, Any, Result], context: Context | None = None
    ) -> Generator[Any, Any, Result]:
        """Run it in a copy of this context, or of the present one, and give its result.

        Not a task of its own: that would cost several times as much, and cancelling would concern two.
        """
        run = (context.copy() if context else copy_context()).run
        step, argument = work.send, None
        cancelling = self.cancelling
        while True:
            try:
                waits_for = run(step, argument)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                self._from_outside = min(self._from_outside, cancelling())
            before = cancelling()
            try:
                argument = yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits inside
                step, argument = work.throw, error
            else:
                step = work.send
            self._from_outside += max(0, cancelling() - before)

    async def failure(self, error: BaseException) -> Exception:
        """What a handler failed with. Raises CancelledError where this task itself was cancelled.

        Then whatever the handler made of it, as drivers do that turn it into an error of their own, is no
        failure of the handler.
        """
        if isinstance(error, GeneratorExit) and not self._runs():
            raise error  # not the handler's: nobody runs this any more
        if isinstance(error, KeyboardInterrupt) and _is_ctrl_c():
            raise error
        if await self.go_on() and isinstance(error, asyncio.CancelledError):
            return RuntimeError("the handler cancelled its own task")
        return failure_of(error)

    def _runs(self) -> bool:
        """Whether the task runs; False also where what is left of it is closed after its loop."""
        try:
            return asyncio.current_task() is self._task
        except RuntimeError:
            return False

    async def go_on(self) -> bool:
        """Undo what a handler did that cancelled its own task; True where one did.

        Raises CancelledError where somebody else cancelled it.
        """
        if not self.cancelling():
            return False
        if self._from_outside:
            raise asyncio.CancelledError
        while self.cancelling():
            self._task.uncancel()
        try:
            await asyncio.sleep(0)  # before Python 3.13 it is told nevertheless
        except asyncio.CancelledError:
            if self.cancelling():
                raise
        return True


def _is_ctrl_c() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in whatever runs; under `asyncio.run` it does not."""
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
