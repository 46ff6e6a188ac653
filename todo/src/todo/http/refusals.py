"""Answers of the server to requests that never reach the application."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import msgspec

#: Makes the content type and the body from a status and what to do about it.
Style = Callable[[int, str], tuple[str, bytes]]

#: What no answer is without.
HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
#: Seconds after which a client may try again.
_RETRY_AFTER = 2


def as_text(status: int, detail: str) -> tuple[str, bytes]:
    """For a person."""
    return "text/plain; charset=utf-8", f"{detail}\n".encode()


def as_problem(status: int, detail: str) -> tuple[str, bytes]:
    """For a program (RFC 9457)."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return "application/problem+json", msgspec.json.encode(content)


def refusal(status: int, detail: str, style: Style) -> bytes:
    """A whole response, after which the connection ends."""
    content_type, body = style(status, detail)
    headers = HEADERS | {
        "content-type": content_type,
        "content-length": str(len(body)),
        "connection": "close",
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_AFTER)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + body
