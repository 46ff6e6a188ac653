"""The response with server-sent events, which stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from todo.web.live.page_stream import PageStream

_HEADERS = {"X-Accel-Buffering": "no"}


class EventStream(Response):
    """Sends what one page is told, until its browser goes away, or `admitted` says that its session has
    ended.

    It writes to the server directly: a StreamingResponse does not end while nothing is sent.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        reading: Callable[[], AbstractAsyncContextManager[PageStream]],
        admitted: Callable[[], bool] | None,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._reading = reading
        self._admitted = admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with self._reading() as page:
            leaving = asyncio.create_task(_end_when_gone(page, receive))
            try:
                await self._send(page, send)
            finally:
                leaving.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, page: PageStream, send: Send) -> None:
        async for chunk in page.chunks():
            if self._admitted is not None and not self._admitted():
                return
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _end_when_gone(page: PageStream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    page.end()
