"""The folder of an embedded server: who owns it, and where its server answers.

Two locks of the kernel's, which end with their holders whatever happens to them. `owner.lock` is held
by the process that started the server, `server.lock` by the server itself, which inherits it. So a new
owner knows that the server of a killed one is gone, and no pid in a file needs to be believed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from dovetail.errors import ConfigurationError

if sys.platform != "win32":
    import fcntl


class ServerState(msgspec.Struct):
    """What `server.json` says about the server that was started last."""

    name: str
    host: str
    port: int
    monitor_port: int
    pid: int
    ready: bool

    @property
    def url(self) -> str:
        """The address for a client on this machine."""
        return f"nats://{bracketed(reachable(self.host))}:{self.port}"


def bracketed(host: str) -> str:
    """The host as an address has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """Where a server that listens on this host is reached from the same machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared


class QueueFolder:
    """`<data_dir>/queue` with the store, the configuration, the log, the locks and the state."""

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self.path = Path(data_dir).absolute() / "queue"
        self.config = self.path / "server.conf"
        self.log = self.path / "server.log"
        self._state = self.path / "server.json"
        self._owner: int | None = None

    def make(self, setting: str) -> None:
        """Make the folder. Raises ConfigurationError, naming the setting, where that cannot be."""
        if sys.platform == "win32":
            raise ConfigurationError(
                "the embedded server needs Linux or macOS; start nats-server yourself and use nats://"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name in ("owner.lock", "server.lock"):
                os.close(self._open(name))
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {error.filename}: {error.strerror}; "
                f"set {setting} to a folder that can be written to",
                setting=setting,
            ) from error

    def take(self) -> bool:
        """Become the owner; False when another process is, or this one already."""
        self._owner = self._lock("owner.lock")
        return self._owner is not None

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
        new.write_bytes(msgspec.json.encode(state))
        new.replace(self._state)

    def forget(self) -> None:
        """Remove the state."""
        self._state.unlink(missing_ok=True)
