"""A real pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios

from .support import LIMIT_SECONDS, launch


async def on_terminal(*arguments: str, columns: int, **environment: str) -> list[str]:
    """The lines that the command writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = await launch(*arguments, stdout=theirs, env={"TERM": "xterm-256color"} | environment)
    os.close(theirs)
    written = await asyncio.to_thread(_everything, ours)
    async with asyncio.timeout(LIMIT_SECONDS):
        await process.communicate()
    os.close(ours)
    return written.decode().splitlines()


def _everything(descriptor: int) -> bytes:
    written = b""
    while True:
        try:
            written += os.read(descriptor, 65536)
        except OSError:  # how Linux says that the other side is closed
            return written
