"""What is left of a killed owner: its server, for a moment or, if it hangs, for longer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from dovetail.embedded.folder import QueueFolder
from dovetail.errors import QueueUnavailable

#: How long the server of a killed owner has to end by itself, and again after SIGKILL.
ORPHAN_SECONDS = 10.0
#: Between two looks at a lock: the kernel has no way to tell that it is free without holding a thread.
LOOK_SECONDS = 0.02


async def take_server_lock(folder: QueueFolder) -> int:
    """The lock for a new server to inherit, once no earlier server of this folder lives.

    For the owner of the folder only. Ends the earlier server where its owner's end has not. Raises
    QueueUnavailable where it cannot.
    """
    for sign in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + ORPHAN_SECONDS
        lock = folder.take_server_lock()
        if lock is None:
            _signal_server(folder, sign)
        while lock is None and time.monotonic() < until:
            await asyncio.sleep(LOOK_SECONDS)
            lock = folder.take_server_lock()
        if lock is not None:
            return lock
    raise QueueUnavailable(
        f"an earlier nats-server still uses {folder.path} and does not end; end it, then start again"
    )


def _signal_server(folder: QueueFolder, sign: signal.Signals) -> None:
    state = folder.read()
    if state is not None and _is_server(state.pid, folder):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(state.pid, sign)


def _is_server(pid: int, folder: QueueFolder) -> bool:
    """Whether this process is the folder's server; in another container, the pid may be a stranger's."""
    if sys.platform != "linux":
        return True
    with contextlib.suppress(OSError):
        return os.fsencode(folder.config) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False
