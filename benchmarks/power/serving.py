"""Answers what the kernel asks of a mounted disk, one request after another."""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import time
from collections.abc import Callable
from threading import Lock

from benchmarks.power import protocol
from benchmarks.power.disk import Disk, Node
from benchmarks.power.protocol import Operation

log = logging.getLogger(__name__)

#: Bytes that the disk seems to have.
_ROOM = 8 << 30

#: A request: the node, its body, and who asks.
Request = tuple[int, memoryview, tuple[int, int]]


class Session:
    """One mounting of a disk. `serve` returns when it is unmounted."""

    def __init__(self, disk: Disk, device: int) -> None:
        self._disk = disk
        self._device = device
        self._folders: dict[int, list[tuple[bytes, Node]]] = {}
        self._do: dict[int, Callable[[Request], bytes | memoryview]] = {
            one: getattr(self, f"_{one.name.lower()}") for one in Operation
        }
        #: Held while the disk is read or changed.
        self.lock = Lock()
        #: The power is off: everything fails from now on.
        self.off = False

    def serve(self) -> None:
        buffer = bytearray(protocol.MOST_WRITTEN + protocol.HEAD)
        view = memoryview(buffer)
        while True:
            try:
                length = os.readv(self._device, [buffer])
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno in {errno.EINTR, errno.ENOENT, errno.EAGAIN}:
                    continue
                raise
            self._answer(view[:length])

    def _answer(self, request: memoryview) -> None:
        _, operation, number, node, *who = protocol.REQUEST.unpack_from(request)
        body = request[protocol.REQUEST.size :]
        with self.lock:
            error, result = self._result(operation, (node, body, (who[0], who[1])))
        if operation in protocol.UNANSWERED:
            return
        try:
            os.writev(self._device, protocol.answer(number, result, error))
        except OSError as failure:
            if failure.errno != errno.ENOENT:  # nobody waits for it any more
                raise

    def _result(self, operation: int, request: Request) -> tuple[int, bytes | memoryview]:
        if self.off and operation != Operation.DESTROY:
            return errno.EIO, b""
        if (do := self._do.get(operation)) is None:
            return errno.ENOSYS, b""  # the kernel does without, and asks for it no more
        try:
            return 0, do(request)
        except OSError as error:
            return error.errno or errno.EIO, b""
        except Exception:
            log.exception("operation %d", operation)
            return errno.EIO, b""

    def _known(self, node: Node) -> bytes:
        node.known += 1
        return protocol.entry(node)

    # Names

    def _lookup(self, request: Request) -> bytes:
        number, body, _ = request
        node = self._disk.node(number).entries.get(bytes(body[:-1]))
        return protocol.entry(None) if node is None else self._known(node)

    def _forget(self, request: Request) -> bytes:
        number, body, _ = request
        self._disk.forget(number, *protocol.HANDLE.unpack_from(body))
        return b""

    def _batch_forget(self, request: Request) -> bytes:
        whole = len(request[1]) - len(request[1]) % protocol.FORGET_ONE.size
        # The first eight bytes are their count.
        for number, times in protocol.FORGET_ONE.iter_unpack(request[1][8 : whole + 8]):
            self._disk.forget(number, times)
        return b""

    def _make(self, request: Request, name: bytes, mode: int) -> Node:
        return self._disk.make(self._disk.node(request[0]), name, mode, request[2])

    def _mknod(self, request: Request) -> bytes:
        (mode,) = protocol.MKNOD.unpack_from(request[1])
        (name,) = protocol.names(request[1][protocol.MKNOD.size :])
        return self._known(self._make(request, name, mode))

    def _mkdir(self, request: Request) -> bytes:
        (mode,) = protocol.MKDIR.unpack_from(request[1])
        (name,) = protocol.names(request[1][protocol.MKDIR.size :])
        return self._known(self._make(request, name, stat.S_IFDIR | mode))

    def _symlink(self, request: Request) -> bytes:
        name, target = protocol.names(request[1])
        node = self._make(request, name, stat.S_IFLNK | 0o777)
        node.target = target
        return self._known(node)

    def _readlink(self, request: Request) -> bytes:
        return self._disk.node(request[0]).target

    def _link(self, request: Request) -> bytes:
        (number,) = protocol.NODE.unpack_from(request[1])
        (name,) = protocol.names(request[1][protocol.NODE.size :])
        node = self._disk.node(number)
        self._disk.link(node, self._disk.node(request[0]), name)
        return self._known(node)

    def _unlink(self, request: Request) -> bytes:
        self._disk.remove(self._disk.node(request[0]), bytes(request[1][:-1]))
        return b""

    _rmdir = _unlink

    def _rename(self, request: Request, flags: int = 0, head: int = protocol.NODE.size) -> bytes:
        to = self._disk.node(*protocol.NODE.unpack_from(request[1]))
        name, new = protocol.names(request[1][head:])
        if flags & ~1:  # an exchange
            raise OSError(errno.EINVAL, "not supported")
        self._disk.rename(self._disk.node(request[0]), name, to, new, replace=not flags)
        return b""

    def _rename2(self, request: Request) -> bytes:
        _, flags = protocol.RENAME2.unpack_from(request[1])
        return self._rename(request, flags, protocol.RENAME2.size)

    def _opendir(self, request: Request) -> bytes:
        folder = self._disk.node(request[0])
        number = max(self._folders, default=0) + 1
        self._folders[number] = [(b".", folder), (b"..", folder), *folder.entries.items()]
        return protocol.handle(number)

    def _readdir(self, request: Request) -> bytes:
        (number,) = protocol.HANDLE.unpack_from(request[1])
        return protocol.listing(
            self._folders[number], *protocol.OFFSET_SIZE.unpack_from(request[1])
        )

    def _releasedir(self, request: Request) -> bytes:
        (number,) = protocol.HANDLE.unpack_from(request[1])
        self._folders.pop(number, None)
        return b""

    # Files

    def _getattr(self, request: Request) -> bytes:
        return protocol.attributes(self._disk.node(request[0]))

    def _setattr(self, request: Request) -> bytes:
        node = self._disk.node(request[0])
        what, size, _, mtime, _, mtime_rest, mode, uid, gid = protocol.SETATTR.unpack_from(
            request[1]
        )
        node.changed = time.time_ns()
        if what & protocol.SIZE:
            node.content.resize(size)
            node.modified = node.changed
        if what & protocol.MODE:
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        if what & protocol.UID:
            node.uid = uid
        if what & protocol.GID:
            node.gid = gid
        if what & protocol.MTIME:
            node.modified = (
                node.changed if what & protocol.MTIME_NOW else mtime * 10**9 + mtime_rest
            )
        return protocol.attributes(node)

    def _read(self, request: Request) -> bytes:
        offset, size = protocol.OFFSET_SIZE.unpack_from(request[1])
        return bytes(self._disk.node(request[0]).content.data[offset : offset + size])

    def _write(self, request: Request) -> bytes:
        number, body, _ = request
        offset, size, flags = protocol.WRITE.unpack_from(body)
        node = self._disk.node(number)
        node.content.write(offset, body[protocol.WRITE.size :])
        node.modified = node.changed = time.time_ns()
        if flags & os.O_DSYNC:  # which is a part of O_SYNC
            node.content.sync_range(offset, offset + size)
        return protocol.written(size)

    def _fallocate(self, request: Request) -> bytes:
        offset, size, mode = protocol.FALLOCATE.unpack_from(request[1])
        if mode & ~1:  # all but to keep the size: holes and the like
            raise OSError(errno.EOPNOTSUPP, "not supported")
        content = self._disk.node(request[0]).content
        if not mode and offset + size > len(content.data):
            content.resize(offset + size)
        return b""

    def _fsync(self, request: Request) -> bytes:
        self._disk.sync(self._disk.node(request[0]))
        return b""

    _fsyncdir = _fsync

    # The rest

    def _init(self, request: Request) -> bytes:
        return protocol.init(int.from_bytes(request[1][8:12], sys.byteorder))

    def _statfs(self, request: Request) -> bytes:
        used = sum(len(node.content.data) for node in self._disk.nodes.values())
        return protocol.statfs(_ROOM // 4096, (_ROOM - used) // 4096)

    def _interrupt(self, request: Request) -> bytes:
        return b""

    _destroy = _interrupt
