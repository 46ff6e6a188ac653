"""The server's log: what it warns of, in plain words where they are known."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Bytes that are read at one look; where there are more, the oldest are left out.
MOST_BYTES = 262_144
#: The same complaint is passed on again only after so long.
REPEAT_SECONDS = 60.0

_LINE = re.compile(r"\[(WRN|ERR|FTL)\] (.*)")
#: What it says when it could not write, and then refuses everything until it is started again.
_STUCK = re.compile(
    r"(?:Critical write error|failed to store a msg|critical write error).*: ([^:]+)$"
)
#: How far a consumer had come cannot be read: account, stream and consumer.
_NO_PROGRESS = re.compile(
    r"(?:Error adding consumer|Consumer create failed for) '([^/\s]+) > ([^/\s]+) > ([^/\s]+)': "
    r".*corrupt state file"
)
_DAMAGED = re.compile(
    r"corrupt|checksum|bad msg|lost data|malformed|could not be recovered|error recovering",
    re.IGNORECASE,
)
#: What is no trouble: we chose it, or the clients say it better themselves.
_KNOWN = re.compile(
    # After a crash it reads its store anew.
    r"Plaintext passwords|will rebuild|prior state file|Recovering stream state from index errored"
)
_PLAIN = (
    (
        re.compile(r"JetStream resource limits exceeded|insufficient storage"),
        "the queue has reached the size that its disk had room for: publishers are refused until groups have "
        "handled more, or there is more room",
    ),
    (
        re.compile(r"[Ss]low [Cc]onsumer"),
        "a program reads too slowly what it listens to live, and misses some",
    ),
)


@dataclass(frozen=True)
class Complaint:
    """One warning or error. `stuck`: why it cannot write, where that is what it says.

    `consumer`: account, stream and name of the one whose progress it cannot read, where it says that.
    """

    text: str
    serious: bool
    stuck: str = ""
    consumer: tuple[str, str, str] | None = None


def complaint(line: str) -> Complaint | None:
    """What a line of the log complains of; None where it only tells."""
    found = _LINE.search(line)
    if found is None or _KNOWN.search(found[2]):
        return None
    level, said = found[1], found[2].strip()
    if stuck := _STUCK.search(said):
        return Complaint(f"the queue server cannot write its store: {stuck[1]}", True, stuck[1])
    if found := _NO_PROGRESS.search(said):
        account, stream, name = found.groups()
        text = f"how far {name} had come in the stream {stream} cannot be read"
        return Complaint(text, True, consumer=(account, stream, name))
    if _DAMAGED.search(said):
        return Complaint(
            f"a file of the queue's store is damaged, and messages may be missing ({said}); its disk may be "
            "failing: restore the folder from a backup where one is",
            True,
        )
    for pattern, plain in _PLAIN:
        if pattern.search(said):
            return Complaint(plain, False)
    return Complaint(f"the queue server says: {said}", level != "WRN")


class ServerLog:
    """Reads what was added to the log since the last look."""

    def __init__(self, path: Path, position: int) -> None:
        self._path = path
        self._position = position
        self._file = 0
        self._rest = b""
        self._said: dict[str, float] = {}

    def complaints(self) -> Iterator[Complaint]:
        """What it has complained of since, each once in a while."""
        now = time.monotonic()
        for line in self._lines():
            if (found := complaint(line)) is None:
                continue
            key = re.sub(r"\d+", "", found.text)
            if (
                now - self._said.get(key, -REPEAT_SECONDS) >= REPEAT_SECONDS
                or found.stuck
                or found.consumer
            ):
                self._said[key] = now
                yield found

    def _lines(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                return self._added(file.fileno())
        except OSError:  # the folder is gone: whoever watches it says so
            return []

    def _added(self, file: int) -> list[str]:
        state = os.fstat(file)
        if state.st_ino != self._file or state.st_size < self._position:
            # A new file, since the old one has grown large, or the folder is another.
            self._position = 0 if self._file else self._position
            self._file, self._rest = state.st_ino, b""
        skipped = max(self._position, state.st_size - MOST_BYTES)
        added = os.pread(file, MOST_BYTES, skipped)
        self._position = skipped + len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
