"""SIGTERM and Ctrl-C for what has to finish its work first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dovetail.cli.exit_status import INTERRUPTED
from dovetail.cli.output import below_echo
from dovetail.worker import Worker

Result = TypeVar("Result")


@contextmanager
def stop_signals(again: Callable[[], None]) -> Iterator[asyncio.Future[int]]:
    """A future that has the exit status once one of them came: 0, or 130 for Ctrl-C.

    One that comes after that calls `again`.
    """
    loop = asyncio.get_running_loop()
    came: asyncio.Future[int] = loop.create_future()

    def stop(status: int) -> None:
        if came.done():
            again()
        else:
            below_echo()
            came.set_result(status)

    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
    try:
        yield came
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


async def first(worker: Worker, ended: asyncio.Future[Result]) -> Result:
    """What the future has in the end; raises earlier what the worker could not deal with."""
    working = asyncio.ensure_future(worker.wait())
    both: list[asyncio.Future[Any]] = [working, ended]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return await ended
    finally:
        working.cancel()
