"""Redis's own client, and a raw one, for what other programs do to the server."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dovetail.testing.servers import RedisServer


async def redis_cli(server: RedisServer, *command: str, stdin: bytes | None = None) -> str:
    """What `redis-cli` prints; with `stdin` as the command's last argument."""
    read = ["-x"] if stdin is not None else []
    words = ["redis-cli", "-p", str(server.port), *read, *command]
    done = await asyncio.to_thread(
        subprocess.run, words, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@asynccontextmanager
async def printing(server: RedisServer, *command: str) -> AsyncIterator[asyncio.StreamReader]:
    """The lines that a `redis-cli` prints which does not end by itself."""
    process = await asyncio.create_subprocess_exec(
        "redis-cli", "-p", str(server.port), *command, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()
