"""Sessions that were signed out, remembered until they would have expired."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path

from dovetail import printable

log = logging.getLogger("todo")

#: Signed-out sessions that are remembered: the last of them.
_MOST = 10_000

#: Digests of sessions, with the Unix times at which they would have ended.
_Ends = dict[str, float]


class EndedSessions:
    """Digests of the sessions, from which nobody can sign in. They are kept in a file where there is one,
    for the next start and for other processes that read it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._ends: _Ends = {}
        #: Size and time of the file when it was read last.
        self._seen: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, session: str) -> bool:
        self._read_again()
        return _digest(session) in self._ends

    def add(self, session: str, until: float) -> None:
        """Remember it until this Unix time. Where the file takes nothing, only this process does."""
        self._read_again()
        self._ends[_digest(session)] = until
        _drop_oldest(self._ends)
        if self._file is None:
            return
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, _line(_digest(session), until))
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning(
                "a session was signed out, and a copy of its cookie may be taken again after the next start: "
                "%s cannot be written: %s",
                printable(str(self._file)),
                printable(str(error.strerror)),
            )

    def _read_again(self) -> None:
        """What others have added."""
        if self._file is None:
            return
        try:
            found = self._file.stat()
            seen = found.st_size, found.st_mtime_ns
            if seen == self._seen:
                return
            content = self._file.read_bytes()
        except OSError:  # nobody has signed out yet, or it cannot be read: what is known stays
            return
        first, self._seen = self._seen is None, seen
        self._ends |= _ends_in(content)
        if first and content.count(b"\n") > len(self._ends):
            self._write_anew()

    def _write_anew(self) -> None:
        """Without those that have ended by themselves."""
        assert self._file is not None
        anew = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            anew.touch(0o600)
            anew.write_bytes(b"".join(_line(*one) for one in self._ends.items()))
            anew.replace(self._file)
        except OSError:
            anew.unlink(missing_ok=True)  # the old one says the same, and more


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode(errors="surrogateescape")).hexdigest()


def _line(digest: str, until: float) -> bytes:
    return f"{digest} {until:.0f}\n".encode()


def _ends_in(content: bytes) -> _Ends:
    """Those that have not ended by themselves; what is no line of ours is none."""
    ends: _Ends = {}
    now = time.time()
    for line in content.decode("ascii", "replace").splitlines():
        digest, _, until = line.partition(" ")
        if until.isdecimal() and float(until) > now:
            ends[digest] = float(until)
    _drop_oldest(ends)
    return ends


def _drop_oldest(ends: _Ends) -> None:
    while len(ends) > _MOST:
        del ends[next(iter(ends))]
