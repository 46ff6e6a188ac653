"""The folder of an embedded server: who owns it, and where its server answers.

Two locks of the kernel's, which end with their holders whatever happens to them. `owner.lock` is held
by the process that started the server, `server.lock` by the server itself, which inherits it. So a new
owner knows that the server of a killed one is gone, and no pid in a file needs to be believed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

import msgspec

from dovetail.embedded.private import (
    close_data_folder,
    close_to_others,
    make_private,
    open_private,
    write_private,
)
from dovetail.embedded.secret import keep_secret, read_secret
from dovetail.errors import ConfigurationError
from dovetail.network.os_errors import plain_error

if sys.platform != "win32":
    import fcntl

log = logging.getLogger("dovetail.embedded")


#: When a server writes its store to the disk: once a second, or each message before it confirms it.
Sync = Literal["interval", "always"]


#: What is made in a data folder.
_NAME, _KNOWN = "queue", "queue.known"


class ServerState(msgspec.Struct):
    """What `server.json` says about the server that was started last."""

    name: str
    host: str
    port: int
    monitor_port: int
    pid: int
    ready: bool
    sync: Sync = "interval"
    #: It asks for no secret.
    open: bool = False

    @property
    def shown(self) -> str:
        """The address on this machine, for people to see."""
        return self.url(None)

    def url(self, secret: str | None) -> str:
        """The address for a client on this machine."""
        login = f"{quote(secret, safe='')}@" if secret and not self.open else ""
        return f"nats://{login}{bracketed(reachable(self.host))}:{self.port}"


def bracketed(host: str) -> str:
    """The host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """Where a server that listens on this host is reached from the same machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared


class QueueFolder:
    """`<data_dir>/queue` with the store, the configuration, the secret, the log, the locks and the state.

    It is its owner's alone.
    """

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self.path = Path(data_dir).absolute() / _NAME
        self.config = self.path / "server.conf"
        self.log = self.path / "server.log"
        self._state = self.path / "server.json"
        self._secret = self.path / "secret"
        #: What the store held: beside it, since the folder may go as a whole.
        self.known = self.path.parent / f"{_KNOWN}.json"
        self.checksums = self.path / "checksums.json"
        self._owner: int | None = None

    def make(self, setting: str) -> None:
        """Make the folder. Raises ConfigurationError, naming the setting, where that cannot be."""
        if sys.platform == "win32":
            raise ConfigurationError(
                "the embedded server needs Linux or macOS; start nats-server yourself and use nats://"
            )
        try:
            make_private(self.path.parent)
            make_private(self.path)
            self._close_to_others()
            for name in ("owner.lock", "server.lock"):
                os.close(self._open(name))
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {error.filename}: {plain_error(error)}; "
                f"set {setting} to a folder that can be written to",
                setting=setting,
            ) from error

    def _close_to_others(self) -> None:
        close_data_folder(self.path.parent, _is_ours)
        if left := close_to_others(self.path):
            log.warning(
                "others may read %s, and so use the queue: the rights cannot be taken from them",
                left,
            )

    def secret(self) -> str | None:
        """What the server of this folder asks for; None where there is none, or this user may not see it."""
        with contextlib.suppress(OSError):
            return read_secret(self._secret)
        return None

    def keep_secret(self, known: str | None, setting: str) -> str:
        """As the function of this name, for the owner. Raises ConfigurationError, naming the setting."""
        try:
            return keep_secret(self._secret, known)
        except OSError as error:
            raise ConfigurationError(
                f"cannot read or write the secret in {self._secret}: {error.strerror}; "
                f"mend that, or set {setting} to another folder",
                setting=setting,
            ) from error

    def take(self) -> bool:
        """Become the owner; False when another process is, or this one already."""
        self._owner = self._lock("owner.lock")
        return self._owner is not None

    def own_again(self, setting: str) -> None:
        """Own the folder that is there now, where the one that was owned is gone. Raises as `make` does."""
        assert self._owner is not None
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(self._owner), (self.path / "owner.lock").stat()):
                return
        self.make(setting)
        lock = self._lock("owner.lock")
        if lock is None:
            raise ConfigurationError(
                f"another process has begun to use {self.path}, which was removed or replaced; "
                "end one of the two",
                setting=setting,
            )
        os.close(self._owner)
        self._owner = lock

    def release(self) -> None:
        """Stop being the owner. Forgets the server."""
        if self._owner is not None:
            self._state.unlink(missing_ok=True)
            os.close(self._owner)
            self._owner = None

    def owned(self) -> bool:
        """Whether a living process owns this folder."""
        try:
            lock = os.open(self.path / "owner.lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def take_server_lock(self) -> int | None:
        """The lock for a server to inherit, as an open file; None while an earlier server lives."""
        return self._lock("server.lock")

    def _open(self, name: str) -> int:
        return os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)

    def _lock(self, name: str) -> int | None:
        lock = self._open(name)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def read(self) -> ServerState | None:
        """The state; None where there is none, or no sense in it."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._state.read_bytes(), type=ServerState)
        return None

    def write(self, state: ServerState) -> None:
        """Replace the state in one step, so that readers never see half of it."""
        new = self._state.with_suffix(".new")
        write_private(new, msgspec.json.encode(state))
        new.replace(self._state)

    def write_config(self, config: bytes) -> None:
        """Write what the server is to read at its start."""
        write_private(self.config, config)

    def open_log(self) -> BinaryIO:
        """The server's log, to write at its end."""
        return open(self.log, "ab", opener=open_private)

    def forget(self) -> None:
        """Remove the state."""
        self._state.unlink(missing_ok=True)


def _is_ours(name: str) -> bool:
    return name == _NAME or name.startswith(_KNOWN)
