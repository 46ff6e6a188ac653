"""The databases of the to-do list, written to as the list does it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.power.load import LIMIT_SECONDS, Found, Load
from benchmarks.power.tested import Tested
from dovetail.embedded.child import dies_with_parent
from dovetail.testing.servers import PostgresServer, ServerFailed
from todo.store import open_store

WRITERS = 2
#: Ids that are looked for at once.
_PART = 500


class RowLoad(Load):
    """Items, written by processes of their own, which can be killed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._confirmed: dict[str, float] = {}
        self._news = asyncio.Event()
        self._writers: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []

    async def run(self, seconds: float) -> None:
        await self.again()
        await asyncio.sleep(seconds)

    async def again(self) -> None:
        self._news.clear()
        for _ in range(WRITERS - len(self._writers)):
            await self._start_writer()
        async with asyncio.timeout(LIMIT_SECONDS):
            await self._news.wait()

    async def kill(self) -> None:
        """SIGKILL to those who write; what they had said is counted."""
        writers, self._writers = self._writers, []
        readers, self._readers = self._readers, []
        for one in writers:
            with suppress(ProcessLookupError):
                one.kill()
            await one.wait()
        await asyncio.gather(*readers)

    async def settle(self) -> Found:
        await self.kill()
        confirmed, missing = dict(self._confirmed), set[str]()
        store = open_store(self._url)
        try:
            ids = sorted(confirmed)
            for start in range(0, len(ids), _PART):
                missing |= await store.missing(ids[start : start + _PART])
        finally:
            await store.close()
        return Found(confirmed, missing, missing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()

    async def _start_writer(self) -> None:
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.power.writer", self._url),
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=dies_with_parent(),
        )
        assert writer.stdout is not None
        self._writers.append(writer)
        self._readers.append(asyncio.create_task(self._read(writer.stdout)))

    async def _read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            if line.endswith(b"\n"):
                self._confirmed[line.decode().strip()] = time.monotonic()
                self._news.set()


class Sqlite(Tested):
    """SQLite, as the to-do list opens it (WAL, synchronous FULL)"""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders)
        self._file = folders[0] / "todo.db"
        self._load = RowLoad(f"sqlite:///{self._file}")

    async def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    async def start(self) -> None:
        if not self._file.exists():
            return
        with closing(sqlite3.connect(self._file)) as database:
            found = database.execute("PRAGMA integrity_check").fetchone()
        if found != ("ok",):
            raise ServerFailed(f"integrity_check: {found}")

    async def kill(self, which: list[int]) -> None:
        await self._load.kill()

    def load(self) -> Load:
        return self._load

    async def close(self) -> None:
        await self._load.kill()


class Postgres(Tested):
    """PostgreSQL, fsync on"""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders)
        self._server = PostgresServer(fsync=True, settings={"max_wal_size": "64MB"})
        data = folders[0] / "data"
        data.mkdir(mode=0o700)
        if user := self._server._identity().get("user"):  # noqa: SLF001 - who will run it
            shutil.chown(data, user)
        (self._server.folder / "data").symlink_to(data)
        self._load = RowLoad(self._server.url)

    async def version(self) -> str:
        program = Path(self._server._command()[0])  # noqa: SLF001
        process = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return f"PostgreSQL {printed.decode().split()[2]}"

    async def start(self) -> None:
        await self._server.start()

    async def kill(self, which: list[int]) -> None:
        await self._server.kill()
        await self._load.kill()

    def load(self) -> Load:
        return self._load

    async def close(self) -> None:
        await self._load.kill()
        await self._server.__aexit__(None, None, None)


#: Each setting by its short name.
DATABASES: dict[str, type[Tested]] = {"sqlite": Sqlite, "postgresql": Postgres}
