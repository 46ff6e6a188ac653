"""One open page: it reads the stream, and keeps the items as it is told."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx
import msgspec

_READ_BYTES = 1 << 18


@lru_cache(maxsize=10_000)  # all pages are sent the same: it is not to be measured 200 times
def _decoded(event: bytes) -> tuple[str, Any]:
    fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
    delta = msgspec.json.decode(fields[b"data"]) if b"data" in fields else None
    return fields.get(b"id", b"").decode(), delta


@dataclass
class Page:
    """What it knows, and how that came."""

    port: int
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    place: str = ""
    #: Of the stream alone, without its head.
    bytes: int = 0
    resets: int = 0
    #: Changes that it was told were saved, with the time of that.
    saved: dict[str, float] = field(default_factory=dict)
    #: Changes that it was told were accepted, likewise.
    accepted: dict[str, float] = field(default_factory=dict)

    async def follow(self) -> None:
        """Read until cancelled; like a browser it connects again, from where it was."""
        while True:
            with suppress(OSError, EOFError):
                await self._read()
            await asyncio.sleep(0.5)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=_READ_BYTES)
        try:
            writer.write(
                f"GET /live?after={self.place} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n", 1)[0], head
            rest = b""
            while True:
                size = int(await reader.readline(), 16)
                if not size:
                    return
                chunk = await reader.readexactly(size + 2)
                self.bytes += size
                *events, rest = (rest + chunk[:-2]).split(b"\n\n")
                for event in events:
                    await self._take(event)
        finally:
            writer.close()

    async def _take(self, event: bytes) -> None:
        place, delta = _decoded(event)
        if delta is None:
            return
        now = time.perf_counter()
        match delta["kind"]:
            case "reset":
                self.resets += 1
                await self.load()
                return
            case "item":
                self.items[delta["item"]["id"]] = delta["item"]
            case "gone":
                self.items.pop(delta["id"], None)
            case "change":
                self.accepted.setdefault(delta["change"], now)
        for change in delta.get("saved", ()):
            self.saved.setdefault(change, now)
        self.place = place or self.place

    async def load(self) -> None:
        """Read the list, from which on it is told what changes."""
        address = f"http://127.0.0.1:{self.port}/items"
        async with httpx.AsyncClient(timeout=30) as client:
            while (answer := await client.get(address)).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(1)
        found = answer.json()
        self.place = found["cursor"]
        self.items = {one["id"]: one for one in (*found["now"], *found["items"])}
