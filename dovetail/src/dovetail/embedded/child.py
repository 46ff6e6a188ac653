"""Child processes that end with the process that started them, even when that one is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1

#: Whether the kernel itself tells children of their parent's death.
KERNEL_TELLS = sys.platform == "linux"

# End of file on the pipe means that the parent is gone, however it went.
_GUARD = """
import os, sys
sys.stdin.buffer.read()
os.kill(int(sys.argv[1]), int(sys.argv[2]))
"""


def dies_with_parent(sign: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """For `preexec_fn`: has the kernel send the child this signal when its parent ends.

    The kernel's word for parent is the thread that starts the child, so start it from one that lives
    as long as the process. None where the kernel cannot; there, `guard` is the way.
    """
    if not KERNEL_TELLS:
        return None
    # Looked up before the fork: after it, only calls that take no lock are safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent, number = os.getpid(), int(sign)

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before it was watched
            os.kill(os.getpid(), number)

    return arrange


def guard(pid: int, sign: signal.Signals = signal.SIGTERM) -> subprocess.Popen[bytes] | None:
    """A small process that sends `pid` the signal when this process ends. None where not needed.

    End the guard before the process that it guards, so that it never signals a reused pid.
    """
    if KERNEL_TELLS:
        return None
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, str(pid), str(int(sign))],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in the terminal is not for it
    )
