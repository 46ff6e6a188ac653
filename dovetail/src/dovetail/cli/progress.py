"""Words for whoever waits longer than a second."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from dovetail.cli.logs import warned
from dovetail.cli.output import note

#: Seconds that pass in silence.
PATIENCE = 1.0

Thing = TypeVar("Thing")


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


def counted(things: Sequence[Thing], doing: str) -> Iterator[Thing]:
    """Go through them, telling on stderr how far it is: in place on a terminal, else every 5 seconds."""
    terminal = sys.stderr.isatty()
    due = time.monotonic() + PATIENCE
    told = False
    for done, thing in enumerate(things):
        if time.monotonic() > due:
            due = time.monotonic() + (0.1 if terminal else 5.0)
            told = True
            text = f"{doing}: {done:,} of {len(things):,}"
            if terminal:
                sys.stderr.write(f"\r{text}")
                sys.stderr.flush()
            else:
                note(text)
        yield thing
    if told and terminal:
        note("")
