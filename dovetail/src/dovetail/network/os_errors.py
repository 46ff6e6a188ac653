"""What an error of the operating system means, in words: the one place that turns one into text."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

#: Where the system's own words say less; of files they say enough.
_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ECONNRESET: "the connection was closed by the other side",
    errno.ECONNABORTED: "the connection was closed by the other side",
    errno.EPIPE: "the connection was closed by the other side",
    errno.ETIMEDOUT: "no answer in time",
    errno.EHOSTUNREACH: "there is no way to that host",
    errno.ENETUNREACH: "there is no way to that network",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EDQUOT: "the disk quota of this user is used up",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "this process has too many files and connections open",
    errno.ENFILE: "this machine has too many files and connections open",
    errno.ENOMEM: "there is too little memory",
    errno.EAGAIN: "there are too many processes, or too little memory",
}
#: Those of a disk that takes nothing: no room, no quota, read only.
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: As they stand in texts that other libraries put together of several errors.
_NUMBER = re.compile(r"\[Errno (-?\d+)\]\s*")


def plain_error(error: BaseException) -> str:
    """The error in plain words, on one line, without its number."""
    if isinstance(error, socket.gaierror):
        return "the host's name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return _one_line(error.reason or str(error)) or "TLS failed"
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := _NUMBER.search(str(error))):
        number = int(found[1])  # of the first, where asyncio has tried several addresses
    if isinstance(error, MemoryError):
        return _WORDS[errno.ENOMEM]
    if number in _WORDS:
        return _WORDS[number]
    if isinstance(error, TimeoutError):
        return str(error) or "no answer in time"
    if number is not None and number > 0:
        return os.strerror(number)
    return _one_line(_NUMBER.sub("", str(error))) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())
