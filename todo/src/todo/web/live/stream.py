"""The response that stays open, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from todo.web.live.reader import Reader

_HEADERS = {"X-Accel-Buffering": "no"}


class EventStream(Response):
    """What one reader takes, until its browser goes away or `admitted` says that whoever reads signed out.

    Written to the server directly: a StreamingResponse does not end while nothing is sent.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        reading: Callable[[], AbstractAsyncContextManager[Reader]],
        admitted: Callable[[], bool] | None,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._reading = reading
        self._admitted = admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with self._reading() as reader:
            leaving = asyncio.create_task(_end_when_gone(reader, receive))
            try:
                await self._send(reader, send)
            finally:
                leaving.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, reader: Reader, send: Send) -> None:
        async for portion in reader.portions():
            if self._admitted is not None and not self._admitted():
                return
            if portion:
                await send({"type": "http.response.body", "body": portion, "more_body": True})


async def _end_when_gone(reader: Reader, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.end()
