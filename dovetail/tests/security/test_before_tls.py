"""What comes in plain text before TLS begins must not be taken for what comes over TLS."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from .refusing import refused

GREETING = b'INFO {"version":"2.12.3","tls_required":true}\r\n'


@pytest.mark.parametrize(
    "more",
    [b"PONG\r\n", b"MSG _INBOX.a 1 900\r\n", b"MSG"],
    ids=["whole", "half a message", "half a line"],
)
async def test_more_than_the_greeting_is_refused(more: bytes) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING + more)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refused(f"tls://127.0.0.1:{port}")
        await ended.wait()
    assert "cannot be talked to over TLS" in error
    assert "sent more than its greeting" in error
