"""Running a command's coroutine, and the ways in which it is stopped from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

from dovetail.cli.exit_status import INTERRUPTED, TERMINATED, Ending, OutputClosed
from dovetail.cli.logs import show_warnings
from dovetail.cli.output import below_echo

Result = TypeVar("Result")
#: How the task is ended from outside.
Stop = Callable[[Ending], None]


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The coroutine's result; Ctrl-C, SIGTERM and a closed output cancel it, and it cleans up.

    A second Ctrl-C or SIGTERM ends the process at once.
    """
    show_warnings()
    return asyncio.run(_guarded(work, _watch_output))


def run_service(work: Coroutine[Any, Any, Result]) -> Result:
    """The same for what runs for long: on uvloop where it is installed, and whoever reads the output."""
    show_warnings()
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        return runner.run(_guarded(work))


async def _guarded(
    work: Coroutine[Any, Any, Result], watch: Callable[[Stop], None] | None = None
) -> Result:
    task = asyncio.ensure_future(work)
    stopped: list[Ending] = []
    signalled: list[Ending] = []

    def stop(ending: Ending) -> None:
        if not stopped:
            stopped.append(ending)
            task.cancel()

    def signal_came(ending: Ending) -> None:
        # In `dovetail … | cat`, Ctrl-C closes the output too: only a second signal means impatience.
        if signalled:
            os._exit(ending.status)
        signalled.append(ending)
        below_echo()
        stop(ending)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, signal_came, Ending("", TERMINATED))
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGINT, signal_came, Ending("", INTERRUPTED))
    if watch:
        watch(stop)
    try:
        return await task
    except asyncio.CancelledError:
        if stopped:
            raise stopped[0] from None
        raise


def _watch_output(stop: Stop) -> None:
    descriptor = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return
    loop = asyncio.get_running_loop()

    def closed() -> None:
        loop.remove_reader(descriptor)
        stop(OutputClosed())

    # The writing end of a pipe becomes readable when its reader goes away.
    loop.add_reader(descriptor, closed)


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        make: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return make
