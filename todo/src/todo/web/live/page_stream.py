"""The stream of one open page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from todo.web.live.broadcast import Broadcast
from todo.web.live.deltas import StatusDelta, encode
from todo.web.live.recent_deltas import StreamPosition

#: Seconds after which a silent connection gets a sign of life, so that proxies keep it open, and so that who
#: has gone without a word, or has signed out, is noticed.
HEARTBEAT = 15.0
_SIGN_OF_LIFE = b": still here\n\n"


class PageStream:
    """Takes recent deltas when it can. A page that reads too slowly gets a reset, and delays no other."""

    def __init__(self, broadcast: Broadcast, place: StreamPosition | None) -> None:
        self._broadcast = broadcast
        self._place = place
        self._there = asyncio.Event()
        self._ended = False
        self._told: StatusDelta | None = None

    def wake(self) -> None:
        """There is more."""
        self._there.set()

    def end(self) -> None:
        """Let `chunks` end."""
        self._ended = True
        self._there.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What to send, whenever there is something."""
        while not self._ended:
            self._there.clear()
            chunk, self._place = self._broadcast.recent.after(self._place)
            yield self._status() + chunk or await self._sign_of_life()

    def _status(self) -> bytes:
        """How queue and database are, once that is known and whenever it is another. It has no place in the
        stream, since no gap in that may hide it.
        """
        status = self._broadcast.status
        if status is None or status == self._told:
            return b""
        self._told = status
        return b"data: %s\n\n" % encode(status)

    async def _sign_of_life(self) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._there.wait()
        except TimeoutError:
            return _SIGN_OF_LIFE
        return b""
