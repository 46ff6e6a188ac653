"""Reads the body of a request, and never holds more of it than is allowed."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from todo.http.limits import MAX_BODY, MAX_LENGTH_DIGITS


class BodyTooLarge(Exception):
    """The body is over what is allowed; the rest of it was not read."""


async def read_body(receive: Receive, announced: bytes | None, most: int = MAX_BODY) -> bytes:
    """The whole body, of at most so many bytes; `announced` is the Content-Length header, where there is one.

    Raises BodyTooLarge, and ClientDisconnect when the client went away in the middle.
    """
    if announced is not None and _length(announced, most) > most:
        raise BodyTooLarge
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        if len(body) + len(part) > most:
            raise BodyTooLarge
        body = body + part if body else part
        if not message.get("more_body", False):
            return body


def _length(announced: bytes, most: int) -> int:
    """The number; the server refuses what is none, and what is longer than any number is here."""
    digits = announced.lstrip(b"0")
    if len(digits) > MAX_LENGTH_DIGITS:
        return most + 1
    return int(digits) if digits.isdigit() else 0
