"""The control socket of a `todo up`, spoken to by hand; and one that somebody else holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


class Conversation:
    """A connection to the socket in this data folder."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Conversation]:
        """Connect; closes in the end."""
        path = (folder / "up" / "queue.lock").read_text()
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    def send(self, line: bytes) -> None:
        """Send it as it is."""
        self._writer.write(line)

    async def answers(self) -> list[dict[str, Any]]:
        """All answers, to the end."""
        return [json.loads(line) for line in (await self._reader.read()).splitlines()]

    async def refusal(self) -> str:
        """The text of the one answer, which refuses."""
        (answer,) = await self.answers()
        assert answer["type"] == "refused"
        text: str = answer["text"]
        return text


@asynccontextmanager
async def held_by_somebody_else(folder: Path, says: bytes) -> AsyncIterator[None]:
    """In this data folder something listens that says this and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(says)
        writer.close()

    place = folder / "up"
    place.mkdir(parents=True)
    server = await asyncio.start_unix_server(talk, place / "own.sock")
    (place / "queue.lock").write_text(str(place / "own.sock"))
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
