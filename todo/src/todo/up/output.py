"""Prints the lines of many processes on one terminal.

What a process prints is escaped once more, since not all of it comes from our log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

from dovetail import printable
from todo.components import QUEUE

#: Bytes read at once from a child.
_CHUNK_BYTES = 65_536
#: Cyan, yellow, green, magenta, blue, and their bright sisters: red is for errors.
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class Output:
    """Writes lines with the name of whoever said them in front, in one colour each.

    Where nobody reads them any more, this process is told to stop, as by SIGTERM.
    """

    def __init__(self, names: Sequence[str], *, prefixes: bool, colours: bool) -> None:
        self._unread = False
        self._with_prefixes, self._colours = prefixes, colours
        self._prefixes: dict[str, bytes] = {}
        self.add(*names)

    def add(self, *names: str) -> None:
        """Expect lines of these, too. A name keeps its colour; the column only grows."""
        known = list(dict.fromkeys([*self._prefixes, *names]))
        width = max(map(len, known))
        self._prefixes = {
            name: self._prefix(name.ljust(width), number) for number, name in enumerate(known)
        }

    def line(self, name: str, text: bytes, stream: BinaryIO) -> None:
        """Write one line of a process."""
        shown = printable(text.decode(errors="backslashreplace")).encode()
        self._write(self._prefixes[name] + shown + b"\n", stream)

    def plain(self, text: str) -> None:
        """Write text that is nobody's."""
        self._write(text.encode() + b"\n", sys.stdout.buffer)

    def _prefix(self, name: str, number: int) -> bytes:
        if not self._with_prefixes:
            return b""
        if not self._colours:
            return f"{name} | ".encode()
        return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{name} |\x1b[0m ".encode()

    def _write(self, text: bytes, stream: BinaryIO) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError:  # the terminal is closed, or the program behind the pipe has ended
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
            if not self._unread:
                self._unread = True
                signal.raise_signal(signal.SIGTERM)

    async def copy(self, name: str, source: asyncio.StreamReader, stream: BinaryIO) -> bytes:
        """Write the source's lines until it ends; returns the last one."""
        rest, last = b"", b""
        while chunk := await source.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for last in lines:
                self.line(name, last, stream)
        if rest:
            last = rest
            self.line(name, rest, stream)
        return last


class OutputHandler(logging.Handler):
    """Writes what this process logs among the others' lines."""

    def __init__(self, output: Output, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        name = QUEUE if record.name.startswith("dovetail.embedded") else "todo"
        for line in self.format(record).split("\n"):
            self._output.line(name, line.encode(), sys.stderr.buffer)
