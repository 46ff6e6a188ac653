"""Where a `todo up` listens for `todo scale`, and how it is found from the data folder.

`<data_dir>/up/queue.lock` is locked by the `todo up` that runs the folder's queue, and `beside.lock` by
the first of those that do not. These are kernel locks, which end with their process. The file contains
the path of a socket that only the same user may use. It is in the same folder, or in a new temporary
folder where that path is too long for a socket, or the file system has no sockets.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

_FOLDER = "up"
_QUEUE, _BESIDE = "queue.lock", "beside.lock"
_TEMPORARY = "todo-up-"


class ControlSocket:
    """The socket of one `todo up`. `take` before `bind`, `release` after all. Raises OSError."""

    def __init__(self, data_dir: Path, *, queue: bool) -> None:
        self._folder = data_dir.absolute() / _FOLDER
        self._file = self._folder / (_QUEUE if queue else _BESIDE)
        self._lock: int | None = None
        self._path: Path | None = None

    def take(self) -> bool:
        """Become the one that answers here; False when another process is."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._lock = lock
        return True

    def bind(self) -> socket.socket:
        """The socket, which refuses everybody until it listens."""
        assert self._lock is not None
        left = Path(os.fsdecode(self._file.read_bytes()))  # by one that was killed
        if _is_temporary(left):
            _remove(left)
        try:
            bound = self._bind(self._file.with_suffix(".sock"))
        except OSError:  # too long, or the file system has no sockets
            bound = self._bind(Path(tempfile.mkdtemp(prefix=_TEMPORARY)) / "up.sock")
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, os.fsencode(str(self._path)), 0)
        return bound

    def release(self) -> None:
        """Remove the socket, and let another have its place."""
        if self._lock is not None:
            if self._path is not None:
                _remove(self._path)
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def _bind(self, path: Path) -> socket.socket:
        self._path = path
        _unlink(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            path.chmod(0o600)
        except OSError:
            bound.close()
            _remove(path)
            raise
        return bound


def _is_temporary(path: Path) -> bool:
    return path.parent.name.startswith(_TEMPORARY)


def _unlink(path: Path) -> None:
    if path.is_socket():
        path.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    """Remove a socket, and the temporary folder that was made for it."""
    _unlink(path)
    if _is_temporary(path):
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def socket_paths(data_dir: Path) -> Iterator[Path]:
    """Where a `todo up` of this folder may listen, first that of the one that runs the queue.

    Nobody needs to listen there any more. Raises PermissionError where that is another user's.
    """
    for name in (_QUEUE, _BESIDE):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if path := os.fsdecode((data_dir.absolute() / _FOLDER / name).read_bytes()):
                yield Path(path)
