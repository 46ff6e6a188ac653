"""Reading a request's body without ever holding more of it than is allowed."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive

#: Bytes.
MAX_BODY = 64 * 1024


class BodyTooLarge(Exception):
    """The body is over MAX_BODY; the rest of it was not read."""


async def read_body(receive: Receive, announced: bytes | None) -> bytes:
    """The whole body; `announced` is the Content-Length header, where there is one.

    Raises BodyTooLarge, and ClientDisconnect when the client went away in the middle.
    """
    if announced is not None and announced.isdigit() and int(announced) > MAX_BODY:
        raise BodyTooLarge
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        if len(body) + len(part) > MAX_BODY:
            raise BodyTooLarge
        body = body + part if body else part
        if not message.get("more_body", False):
            return body
