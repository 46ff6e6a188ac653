"""The whole application as its users start it, on free ports and in its own folder."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from dovetail.embedded import running
from dovetail.embedded.ports import free_port

#: Where the commands are that `make setup` makes.
BIN = Path(sys.executable).parent
START_SECONDS = 30.0
#: QUEUE_TIMEOUT where a disk that is slow for a moment is not to refuse an item; below what the client waits.
PATIENCE = "8"


class Process:
    """A command under test; its output is kept, and printed where a test fails."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, *words: str, environment: dict[str, str], folder: Path, commands: Path = BIN
    ) -> Self:
        """Start `todo …` or `dovetail …`."""
        process = await asyncio.create_subprocess_exec(
            str(commands / words[0]),
            *words[1:],
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **environment},
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Of the command itself."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it has said."""
        return "\n".join(self.lines)

    async def line(self, text: str, *, count: int = 1, within: float = START_SECONDS) -> str:
        """Wait until `count` lines hold this text; the last of them."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        try:
            async with asyncio.timeout(within), self._more:
                await self._more.wait_for(lambda: len(found()) >= count or self._reader.done())
        except TimeoutError as error:
            raise AssertionError(
                f"{text!r} was not said in {within:g} s:\n{self.output}"
            ) from error
        assert len(found()) >= count, f"it ended without saying {text!r}:\n{self.output}"
        return found()[count - 1]

    async def wait(self, within: float = START_SECONDS) -> int:
        """Its exit code."""
        try:
            async with asyncio.timeout(within):
                await asyncio.shield(self._reader)
                return await self._process.wait()
        except TimeoutError as error:
            self._process.kill()
            raise AssertionError(f"it did not end in {within:g} s:\n{self.output}") from error

    async def stop(
        self, sign: signal.Signals = signal.SIGTERM, within: float = START_SECONDS
    ) -> int:
        """Send a signal, and wait for the end; its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(sign)
        return await self.wait(within)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._more:
                self.lines.append(line.decode().rstrip("\n"))
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()


class Application:
    """`todo up` and what joins it: `async with Application(folder) as app: await app.up()`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        #: The folder with the commands.
        self.commands = BIN
        ports = {
            name: free_port()
            for name in ("WEB_PORT", "API_PORT", "QUEUE_PORT", "QUEUE_MONITOR_PORT")
        }
        self.web_url = f"http://127.0.0.1:{ports['WEB_PORT']}"
        self.api_url = f"http://127.0.0.1:{ports['API_PORT']}"
        self._queue_url = settings.get("QUEUE_URL")
        self.monitor_url = f"http://127.0.0.1:{ports['QUEUE_MONITOR_PORT']}"
        self.environment = {f"TODO_{name}": str(port) for name, port in ports.items()}
        self.environment |= {"TODO_DATA_DIR": str(folder / "data")}
        self.environment |= {f"TODO_{name}": value for name, value in settings.items()}
        self.processes: list[Process] = []
        self.http = httpx.AsyncClient(timeout=10)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()
        for process in reversed(self.processes):
            await process.stop()
            if error is not None:
                print(process.output)  # noqa: T201 - pytest shows it where the test fails

    @property
    def queue_url(self) -> str:
        """Of the queue, which runs."""
        url = self._queue_url or running(self.folder / "data")
        assert url is not None
        return url

    async def start(self, *words: str, **settings: str) -> Process:
        """Start a command with the application's settings; it is ended with the application."""
        environment = self.environment | {f"TODO_{name}": value for name, value in settings.items()}
        process = await Process.start(
            *words, environment=environment, folder=self.folder, commands=self.commands
        )
        self.processes.append(process)
        return process

    async def up(self, *words: str) -> Process:
        """`todo up …`, once the page and the API answer (where they are among what is started)."""
        process = await self.start("todo", "up", *words)
        started = " ".join(words) if "--only" in words else "web,api"
        for name, url in (("web", self.web_url), ("api", self.api_url)):
            if name in started:
                await self.until(partial(self.answers, f"{url}/health"))
        return process

    async def answers(self, url: str) -> bool:
        """Whether there is a page now."""
        try:
            return (await self.http.get(url)).status_code == 200
        except httpx.TransportError:
            return False

    async def add(self, text: str) -> httpx.Response:
        """POST /todo."""
        return await self.http.post(f"{self.api_url}/todo", json={"item": text})

    async def until(
        self, condition: Callable[[], Awaitable[object]], within: float = START_SECONDS
    ) -> None:
        """Wait for something that can only be asked for."""
        try:
            async with asyncio.timeout(within):
                while not await condition():  # noqa: ASYNC110 - other processes send no signal
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            said = "\n\n".join(process.output for process in self.processes)
            raise AssertionError(f"not in {within:g} s; the application said:\n{said}") from error


def children(pid: int, word: str) -> list[int]:
    """The processes below this one that have the word in their command line."""
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found += [int(child)] if word in command else []
            found += children(int(child), word)
        except FileNotFoundError:
            continue  # it ended meanwhile
    return found
