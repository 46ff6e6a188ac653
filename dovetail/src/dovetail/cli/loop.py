"""Running a command's coroutine, and the ways in which it is stopped from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from dovetail.cli.endings import TERMINATED, Ending, OutputClosed
from dovetail.cli.logs import show_warnings

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The coroutine's result; Ctrl-C, SIGTERM and a closed output cancel it, and it cleans up."""
    show_warnings()
    return asyncio.run(_guarded(work))


async def _guarded(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped: list[Ending] = []

    def stop(ending: Ending) -> None:
        stopped.append(ending)
        task.cancel()

    def output_closed() -> None:
        loop.remove_reader(sys.stdout.fileno())
        stop(OutputClosed())

    loop.add_signal_handler(signal.SIGTERM, stop, Ending("", TERMINATED))
    if _is_pipe(sys.stdout.fileno()):
        # The writing end of a pipe becomes readable when its reader goes away.
        loop.add_reader(sys.stdout.fileno(), output_closed)
    try:
        return await task
    except asyncio.CancelledError:
        if stopped:
            raise stopped[0] from None
        raise


def _is_pipe(descriptor: int) -> bool:
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
