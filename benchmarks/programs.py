"""The HTTP programs: each one process."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from benchmarks.comparison import CandidateFailed
from benchmarks.jetstream import stored
from benchmarks.process import ROOT, last_line
from dovetail.embedded.ports import free_port

HOST = "127.0.0.1"
START_SECONDS = 30.0
#: What `todo run api` runs with, too.
UVICORN = ("--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning")


class Program:
    """A program that serves, and the server that holds what it accepted."""

    def __init__(self, port: int, server_url: str, pid: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._server_url = server_url
        self._pid = pid

    def processor_seconds(self) -> float:
        """What the process itself took so far, without the servers that it talks to (Linux's /proc)."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def items(self) -> int:
        """Items on the server's store."""
        if self._server_url.startswith("nats:"):
            return await stored(self._server_url)
        connection = await asyncpg.connect(self._server_url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM todos"))
        finally:
            await connection.close()


@asynccontextmanager
async def running(module: str, server_url: str) -> AsyncIterator[Program]:
    """The program, answering. `module` is "todo" for ours. CandidateFailed where it does not start."""
    port = free_port()
    command, environment = (_ours if module == "todo" else _peer)(module, port, server_url)
    async with _child(command, environment) as (pid, log):
        await _answering(port, log)
        yield Program(port, server_url, pid)


def _peer(module: str, port: int, server_url: str) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "uvicorn", "--factory", f"{module}:create_app"]
    command += [f"--host={HOST}", f"--port={port}", *UVICORN]
    return command, {"BENCH_SERVER_URL": server_url, "PYTHONPATH": str(ROOT)}


def _ours(module: str, port: int, server_url: str) -> tuple[list[str], dict[str, str]]:
    command = [str(Path(sys.executable).with_name(module)), "run", "api"]
    return command, {"TODO_QUEUE_URL": server_url, "TODO_API_PORT": str(port)}


@asynccontextmanager
async def _child(
    command: Sequence[str], environment: Mapping[str, str]
) -> AsyncIterator[tuple[int, Path]]:
    """A process in an empty folder, ended with the context; gives its id and the file it prints to."""
    with tempfile.TemporaryDirectory(prefix="dovetail-bench-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *command, cwd=folder, env=os.environ | environment, stdout=output, stderr=output
            )
        try:
            yield child.pid, log
        finally:
            if child.returncode is None:
                child.terminate()
            await child.wait()


async def _answering(port: int, log: Path) -> None:
    """Return when something listens; CandidateFailed after START_SECONDS."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
    except TimeoutError:
        said = last_line(await asyncio.to_thread(log.read_text, errors="replace"))
        raise CandidateFailed(f"it did not answer: {said}") from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
