"""The HTTP programs: each one process, on a server with an empty store."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from benchmarks.contender import stored
from benchmarks.contest import ContenderFailed
from benchmarks.process import ROOT
from benchmarks.servers import database_server, free_port, queue_server

HOST = "127.0.0.1"
START_SECONDS = 30.0
#: What `todo run api` runs with, too.
UVICORN = ("--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning")


class Program:
    """A program that serves, and the server that holds what it accepted."""

    def __init__(self, port: int, server_url: str) -> None:
        self.url = f"http://{HOST}:{port}"
        self.server_url = server_url

    async def items(self) -> int:
        """Items on the server's store."""
        if self.server_url.startswith("nats:"):
            return await stored(self.server_url)
        connection = await asyncpg.connect(self.server_url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM todos"))
        finally:
            await connection.close()


@asynccontextmanager
async def running(module: str, *, database: bool) -> AsyncIterator[Program]:
    """The program, answering. `module` is "todo" for ours. ContenderFailed where it does not start."""
    port = free_port()
    async with database_server() if database else queue_server() as server:
        command, environment = (_ours if module == "todo" else _peer)(module, port, server.url)
        async with _child(command, environment) as log:
            await _answering(port, log)
            yield Program(port, server.url)


def _peer(module: str, port: int, server_url: str) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "uvicorn", "--factory", f"{module}:create_app"]
    command += [f"--host={HOST}", f"--port={port}", *UVICORN]
    return command, {"BENCH_SERVER_URL": server_url, "PYTHONPATH": str(ROOT)}


def _ours(module: str, port: int, server_url: str) -> tuple[list[str], dict[str, str]]:
    command = [str(Path(sys.executable).with_name(module)), "run", "api"]
    return command, {"TODO_QUEUE_URL": server_url, "TODO_API_PORT": str(port)}


@asynccontextmanager
async def _child(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[Path]:
    """A process in an empty folder, ended with the context; gives the file that it prints to."""
    with tempfile.TemporaryDirectory(prefix="dovetail-bench-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *command, cwd=folder, env=os.environ | environment, stdout=output, stderr=output
            )
        try:
            yield log
        finally:
            if child.returncode is None:
                child.terminate()
            await child.wait()


async def _answering(port: int, log: Path) -> None:
    """Return when something listens; ContenderFailed after START_SECONDS."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ContenderFailed(f"it did not answer: {_end(log)}") from None


def _end(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-500:]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
