"""Adds headers to all responses of an application."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AddedHeaders:
    """Sets `always`, whatever a response says; `otherwise` where it does not say anything else."""

    def __init__(
        self, app: ASGIApp, *, otherwise: Mapping[str, str], always: Mapping[str, str] | None = None
    ) -> None:
        self._app = app
        self._otherwise = otherwise
        self._always = always or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._always)
                for name, value in self._otherwise.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, adding if scope["type"] == "http" else send)
