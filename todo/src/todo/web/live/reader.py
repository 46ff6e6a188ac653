"""One open page, as the stream that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from todo.web.live.deltas import encode
from todo.web.live.recent import Place
from todo.web.live.telling import Telling

#: Seconds after which a silent connection gets a sign of life, so that proxies keep it open, and so that who
#: has gone without a word, or has signed out, is noticed.
HEARTBEAT = 15.0
_SIGN_OF_LIFE = b": still here\n\n"


class Reader:
    """It takes what is recent when it can. Whoever reads too slowly skips to a reset, and holds up nobody."""

    def __init__(self, telling: Telling, place: Place | None) -> None:
        self._telling = telling
        self._place = place
        self._there = asyncio.Event()
        self._ended = False

    def wake(self) -> None:
        """There is more."""
        self._there.set()

    def end(self) -> None:
        """Let `portions` end."""
        self._ended = True
        self._there.set()

    async def portions(self) -> AsyncIterator[bytes]:
        """What to send, whenever there is something."""
        # How queue and database are, which may have changed long before this place.
        yield b"data: %s\n\n" % encode(self._telling.status)
        while not self._ended:
            self._there.clear()
            portion, self._place = self._telling.recent.after(self._place)
            yield portion or await self._sign_of_life()

    async def _sign_of_life(self) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._there.wait()
        except TimeoutError:
            return _SIGN_OF_LIFE
        return b""
