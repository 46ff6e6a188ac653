"""SIGTERM and Ctrl-C for what has to finish its work first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dovetail.cli.endings import INTERRUPTED


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
            came.set_result(status)

    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
    try:
        yield came
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)
