"""The application's processes, and what they take."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Taken:
    """By one process so far."""

    processor_seconds: float
    resident_bytes: int


@dataclass(frozen=True)
class Program:
    """One process."""

    pid: int

    def taken(self) -> Taken:
        """From Linux's /proc."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return Taken(seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def settings_of(queue_url: str, port: int, folder: Path) -> dict[str, str]:
    """Of the components, with the page at this port."""
    return {
        "TODO_QUEUE_URL": queue_url,
        "TODO_WEB_PORT": str(port),
        "TODO_DATA_DIR": str(folder),
    }


@asynccontextmanager
async def component(name: str, folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Program]:
    """`todo run NAME`, ended with the context."""
    with (folder / f"{name}.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("todo")), "run", name),
            cwd=folder,
            env=os.environ | settings,
            stdout=log,
            stderr=log,
        )
    try:
        yield Program(child.pid)
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def answering(port: int) -> None:
    """Return when the component at this port is ready, after half a minute at most."""
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
