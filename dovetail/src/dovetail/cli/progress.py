"""Words for whoever waits longer than a second."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager

from dovetail.cli.logs import warned
from dovetail.cli.output import note, span

#: Seconds that pass in silence.
PATIENCE = 1.0
#: Between two words on how far it is: in place on a terminal, or one line after the other.
_TERMINAL_SECONDS, _LINE_SECONDS = 0.1, 5.0


@contextmanager
def said_if_slow(text: str) -> Iterator[None]:
    """Say this on stderr if the body takes longer than a second, and nothing else was said yet."""

    def say() -> None:
        if not warned():
            note(text)

    timer = asyncio.get_running_loop().call_later(PATIENCE, say)
    try:
        yield
    finally:
        timer.cancel()


class Progress:
    """Tells on stderr how far it is: in place on a terminal, else every 5 seconds."""

    def __init__(self, doing: str, total: int) -> None:
        self._doing = doing
        self._total = total
        self.done = 0
        self._terminal = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._due = self._begun + PATIENCE
        self._width = 0

    def __call__(self, things: Sized) -> None:
        """So many more are done."""
        self.done += len(things)
        if time.monotonic() > self._due:
            self._due = time.monotonic() + (_TERMINAL_SECONDS if self._terminal else _LINE_SECONDS)
            self._say()

    def end(self) -> None:
        """Leave the line that was changed in place."""
        if self._width:
            note("")

    def _say(self) -> None:
        left = max(0, self._total - self.done)
        seconds = left * (time.monotonic() - self._begun) / self.done
        # there may be more by now than there were
        text = f"{self._doing}: {self.done:,} of {max(self.done, self._total):,}"
        if seconds >= 1:
            text += f", about {span(seconds)} left"
        if not self._terminal:
            note(text)
            return
        sys.stderr.write(f"\r{text:<{self._width}}")
        sys.stderr.flush()
        self._width = len(text)
