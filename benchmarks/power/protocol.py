"""The kernel's side of a file system in a process: the requests and answers of /dev/fuse, as bytes.

Version 7.31 of <linux/fuse.h>, which newer kernels speak, too. No I/O here.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from benchmarks.power.disk import Node

MAJOR, MINOR = 7, 31

#: Bytes of one write at most, and what a request needs beside it.
MOST_WRITTEN = 1 << 20
HEAD = 4096
_PAGES = MOST_WRITTEN // 4096

#: The kernel is the only one who changes anything, so it may remember all that it is told.
REMEMBER_SECONDS = 3600

_ASYNC_READ, _BIG_WRITES, _PARALLEL_FOLDERS, _MAX_PAGES = 1, 1 << 5, 1 << 18, 1 << 22

#: What is set by SETATTR.
MODE, UID, GID, SIZE, ATIME, MTIME, MTIME_NOW = 1, 2, 4, 8, 16, 32, 256


class Operation(IntEnum):
    """What the kernel asks for."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    READ = 15
    WRITE = 16
    STATFS = 17
    FSYNC = 20
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43
    RENAME2 = 45


#: Nobody waits for an answer to these.
UNANSWERED = {Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT}

#: Length, operation, number, node, user, group; then process and padding.
REQUEST = struct.Struct("=IIQQII8x")
_ANSWER = struct.Struct("=IiQ")
_INIT = struct.Struct("=IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("=6Q3I7I")
_ENTRY = struct.Struct("=QQQQII")
_VALID = struct.Struct("=QII")
_STATFS = struct.Struct("=5Q4I24x")
_NAME = struct.Struct("=QQII")

#: The bodies of requests, as far as they are looked at.
OFFSET_SIZE = struct.Struct("=8xQI")  # of READ and READDIR
WRITE = struct.Struct("=8xQI12xI4x")
SETATTR = struct.Struct("=I12xQ8xQQ8xII4xI4xII4x")
HANDLE = struct.Struct("=Q")
NODE = struct.Struct("=Q")
RENAME2 = struct.Struct("=QI4x")
MKNOD = struct.Struct("=I12x")
MKDIR = struct.Struct("=I4x")
FORGET_ONE = struct.Struct("=QQ")
FALLOCATE = struct.Struct("=8xQQI4x")


def answer(number: int, body: bytes | memoryview = b"", error: int = 0) -> list[bytes | memoryview]:
    """What is written to the device."""
    return [_ANSWER.pack(_ANSWER.size + len(body), -error, number), body]


def init(read_ahead: int) -> bytes:
    """How it is to be done."""
    flags = _ASYNC_READ | _BIG_WRITES | _PARALLEL_FOLDERS | _MAX_PAGES
    return _INIT.pack(MAJOR, MINOR, read_ahead, flags, 64, 48, MOST_WRITTEN, 1, _PAGES, 0, 0)


def entry(node: Node | None) -> bytes:
    """What a name stands for; None: nothing, and that may be remembered, too."""
    head = _ENTRY.pack(node.number if node else 0, 0, REMEMBER_SECONDS, REMEMBER_SECONDS, 0, 0)
    return head + (_attributes(node) if node else bytes(_ATTRIBUTES.size))


def attributes(node: Node) -> bytes:
    """The answer to GETATTR and SETATTR."""
    return _VALID.pack(REMEMBER_SECONDS, 0, 0) + _attributes(node)


def _attributes(node: Node) -> bytes:
    modified, changed = divmod(node.modified, 10**9), divmod(node.changed, 10**9)
    return _ATTRIBUTES.pack(
        node.number,
        node.size,
        -(-node.size // 512),
        modified[0],
        modified[0],
        changed[0],
        modified[1],
        modified[1],
        changed[1],
        node.mode,
        2 if node.is_folder else node.links,
        node.uid,
        node.gid,
        0,
        4096,
        0,
    )


def handle(number: int) -> bytes:
    """The answer to OPENDIR."""
    return _VALID.pack(number, 0, 0)


def written(size: int) -> bytes:
    """The answer to WRITE."""
    return struct.pack("=II", size, 0)


def statfs(blocks: int, free: int) -> bytes:
    """Room, in pages."""
    return _STATFS.pack(blocks, free, free, 1 << 20, 1 << 20, 4096, 255, 4096, 0)


def listing(names: list[tuple[bytes, Node]], offset: int, size: int) -> bytes:
    """As many names from this one on as go into the size."""
    parts: list[bytes] = []
    for place, (name, node) in enumerate(names[offset:], start=offset + 1):
        one = _NAME.pack(node.number, place, len(name), node.mode >> 12) + name
        one += bytes(-len(one) % 8)
        if len(one) > size:
            break
        size -= len(one)
        parts.append(one)
    return b"".join(parts)


def names(body: memoryview) -> list[bytes]:
    """The names at the end of a request."""
    return bytes(body).split(b"\0")[:-1]
