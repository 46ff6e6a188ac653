"""SIGTERM and SIGINT for all that runs in this process, whatever its event loop can do."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

log = logging.getLogger("dovetail.worker")

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class _Signals:
    """What is installed for this process while anyone is to be told. Signals come to its main thread."""

    def __init__(self) -> None:
        self.told: list[Callable[[], None]] = []
        #: How many of those are in the main thread, which alone may install anything.
        self._users = 0
        self._before: dict[int, Any] = {}
        #: What a handler of the program's raised: it is raised when everybody has stopped.
        self._raised: list[BaseException] = []

    def install(self) -> None:
        """Be called from now on, unless the program ignores the signal."""
        self._users += 1
        if self._users > 1:
            return
        for number in _NUMBERS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                signal.signal(number, self._came)
                self._before[number] = before

    def restore(self) -> None:
        """As it was before; raises what the program's own handler raised meanwhile."""
        self._users -= 1
        if self._users:
            return
        for number, before in self._before.items():
            if signal.getsignal(number) == self._came:  # or the program has installed another since
                signal.signal(number, signal.SIG_DFL if before is None else before)
        self._before.clear()
        if self._raised:
            raised, self._raised = self._raised, []
            raise raised[0]

    def _came(self, number: int, frame: FrameType | None) -> None:
        for tell in list(self.told):
            tell()
        before = self._before.get(number)
        if callable(before) and not _is_pythons(before):
            try:
                before(number, frame)
            except BaseException as error:  # noqa: BLE001 - as sys.exit
                self._raised.append(error)


_signals = _Signals()


@contextmanager
def stop_signals(callback: Callable[[], None]) -> Iterator[None]:
    """Inside it, the callback is called in the running event loop for each signal that comes.

    Not by `loop.add_signal_handler`, which some loops lack, and which forgets what was there before. Several
    may be inside at once, and all are told. A handler that the program itself has is called as well.
    """
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(callback)

    in_main_thread = threading.current_thread() is threading.main_thread()
    _signals.told.append(tell)
    if in_main_thread:
        _signals.install()
    else:
        log.info(
            "no signal comes to this thread: to stop its handlers, cancel the task that runs them"
        )
    try:
        yield
    finally:
        _signals.told.remove(tell)
        if in_main_thread:
            _signals.restore()


def _is_pythons(handler: Callable[..., object]) -> bool:
    """Whether it only makes Ctrl-C end the program: Python's own, or that of `asyncio.run`."""
    function = getattr(handler, "func", handler)
    return handler is signal.default_int_handler or function.__module__ == "asyncio.runners"
