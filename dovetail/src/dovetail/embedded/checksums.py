"""Checksums of the files with messages, taken when the server has ended, compared at the next start.

nats-server has a checksum for each message, and leaves out what does not agree with it without a word. A file
whose content has changed while its size and the time of its last write have not was written by nobody: bits
of it have flipped on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import zlib
from pathlib import Path
from threading import Event

import msgspec

from dovetail.embedded.private import write_private

log = logging.getLogger("dovetail.embedded")

#: What one end of the server may spend on it, as someone waits for that. The rest has its turn next time.
MOST_SECONDS = 3.0
#: What the server's start waits for `check` at most: the server may cut off a file where it cannot read it,
#: and then nobody knows that bits had flipped. What takes longer is checked while the server runs.
HEAD_START_SECONDS = 1.0
_BLOCKS = "jetstream/*/streams/*/msgs/*.blk"
_PIECE_BYTES = 1 << 20


class _Sum(msgspec.Struct, array_like=True):
    size: int
    modified_ns: int
    crc32: int

    def fits(self, found: os.stat_result) -> bool:
        return (found.st_size, found.st_mtime_ns) == (self.size, self.modified_ns)


class Checksums:
    """Kept in the file `kept`, by each file's path below `folder`. To be used from one thread at a time."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self._folder = folder
        self._kept = kept
        self._stopped = Event()

    def check(self) -> None:
        """Say of each file that has changed by itself, once. The server may run, and write, meanwhile."""
        known = self._read()
        # What is appended to is the newest: before the server writes there.
        for name in sorted(known, key=lambda one: known[one].modified_ns, reverse=True):
            if self._stopped.is_set():
                return
            found = _sum_of(self._folder / name, known[name])
            if found is not None and found != known[name]:
                log.error(
                    "bits of %s have flipped on the disk: messages of the stream %s are damaged, which the "
                    "server leaves out without a word. While nothing runs, restore the folder from a backup, "
                    "or publish again what was accepted; and look at the disk",
                    self._folder / name,
                    Path(name).parts[-3],
                )
                known.pop(name)
                self._write(known)

    def stop(self) -> None:
        """Let `check` end early."""
        self._stopped.set()

    def take(self) -> None:
        """Of the files as they are now that the server has ended."""
        self._stopped.clear()
        before, taken = self._read(), dict[str, _Sum]()
        until = time.monotonic() + MOST_SECONDS
        for path in sorted(self._folder.glob(_BLOCKS)):
            name = str(path.relative_to(self._folder))
            with contextlib.suppress(OSError):
                if (known := before.get(name)) and known.fits(path.stat()):
                    taken[name] = known
                elif time.monotonic() < until and (found := _sum_of(path)):
                    taken[name] = found
        self._write(taken)

    def _read(self) -> dict[str, _Sum]:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._kept.read_bytes(), type=dict[str, _Sum])
        return {}

    def _write(self, sums: dict[str, _Sum]) -> None:
        new = self._kept.with_suffix(".new")
        with contextlib.suppress(OSError):  # on a full disk the old ones stay
            write_private(new, msgspec.json.encode(sums))
            new.replace(self._kept)


def _sum_of(path: Path, known: _Sum | None = None) -> _Sum | None:
    """None where it is gone, or written while it is read, or since it was `known`."""
    crc = 0
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if known is not None and not known.fits(before):
                return None
            while piece := file.read(_PIECE_BYTES):
                crc = zlib.crc32(piece, crc)
        found = _Sum(before.st_size, before.st_mtime_ns, crc)
        return found if found.fits(path.stat()) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        log.error("%s cannot be read, and its messages are lost if that stays so: %s", path, error)
        return None
