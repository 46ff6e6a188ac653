"""Says which handler blocks the event loop. It looks from a thread, so that calls cost nothing more."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from types import CodeType
from typing import Any

from dovetail import clock
from dovetail.group import Group

log = logging.getLogger("dovetail.worker")

#: So often the loop is asked for a sign of life.
LOOK_SECONDS = 0.5
#: It is blocked where there is none for so long.
BLOCKED_SECONDS = 0.5
#: A call that goes on blocking is told of after this time, before it has ended.
STILL_SECONDS = 5.0
#: The same handler is not told of again for so long.
QUIET_SECONDS = 60.0

_ADVICE = (
    "no lease is renewed and nothing else runs meanwhile; await what takes long, or make the handler a plain "
    "`def`, which runs in a thread"
)


class LoopWatch:
    """Watches the running event loop, from its start until `stop`."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._handlers = {
            code: (group.name, handler.name)
            for group in groups
            for handler in group.handlers
            if not handler.blocking
            for code in _codes_of(handler.function)
        }
        self._told: dict[tuple[str, str], float] = {}
        self._stopped = threading.Event()
        if self._handlers:
            threading.Thread(target=self._run, name="dovetail-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def _run(self) -> None:
        """In the thread."""
        while not self._stopped.wait(LOOK_SECONDS):
            turned, asked = threading.Event(), clock.monotonic()
            try:
                self._loop.call_soon_threadsafe(turned.set)
            except RuntimeError:  # it is closed
                return
            if not turned.wait(BLOCKED_SECONDS) and (found := self._blocking()):
                self._tell(found, turned, asked)

    def _blocking(self) -> tuple[str, str, str] | None:
        """Group, handler and place of what runs now, where it is a handler."""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - nothing else tells
        if frame is None:
            return None
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        while frame is not None:
            if handler := self._handlers.get(frame.f_code):
                return (*handler, place)
            frame = frame.f_back
        return None

    def _tell(self, found: tuple[str, str, str], turned: threading.Event, asked: float) -> None:
        group, name, place = found
        quiet = clock.monotonic() - self._told.get((group, name), -QUIET_SECONDS) < QUIET_SECONDS
        if not turned.wait(STILL_SECONDS):
            log.warning(
                "%s: %s has been blocking the event loop for %.1f s, at %s: %s",
                *(group, name, clock.monotonic() - asked, place, _ADVICE),
            )
            while not turned.wait(LOOK_SECONDS) and not self._stopped.is_set():
                continue
        elif quiet:
            return
        self._told[group, name] = clock.monotonic()
        log.warning(
            "%s: %s blocked the event loop for %.1f s, at %s: %s",
            *(group, name, clock.monotonic() - asked, place, _ADVICE),
        )


def _codes_of(function: Any) -> Iterator[CodeType]:
    """The code that runs when it is called, that of what it wraps included."""
    while isinstance(function, partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    while function is not None:
        function = inspect.unwrap(function, stop=lambda one: hasattr(one, "__code__"))
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            yield code
        function = getattr(function, "__wrapped__", None)
