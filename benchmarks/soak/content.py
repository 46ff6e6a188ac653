"""What the soak sends, and how its processes write down what they did: one line for each call."""

from __future__ import annotations

import os
from pathlib import Path

from dovetail import Event

#: Seconds after which a silent worker's messages go to another.
LEASE_SECONDS = 2.0
#: One in so many fails when it is tried first, and waits on the queue for its second attempt.
FAILS_ONE_IN = 20


class Task(Event, frozen=True, subject="events.soak.task"):
    """What the publisher sends."""

    number: int


class Done(Event, frozen=True, subject="events.soak.done"):
    """What handling a task causes."""

    number: int


class Journal:
    """A file of lines that stays when the process that writes it is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *words: object) -> None:
        """One line, at once."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


def read(path: Path) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []
