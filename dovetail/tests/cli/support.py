"""Runs the installed `dovetail` command as its users do."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

COMMAND = Path(sys.executable).with_name("dovetail")
#: Seconds after which something that was waited for will not come.
LIMIT_SECONDS = 30.0

Which = Literal["out", "err"]


@dataclass(frozen=True)
class Done:
    """What a command that ended had to say."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Program:
    """A running command whose lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: dict[Which, list[str]] = {"out": [], "err": []}
        self._seen: dict[Which, int] = {"out": 0, "err": 0}
        self._more = asyncio.Condition()
        self._readers = [
            asyncio.create_task(self._read("out", process.stdout)),
            asyncio.create_task(self._read("err", process.stderr)),
        ]

    @property
    def pid(self) -> int:
        return self.process.pid

    async def line(self, pattern: str, which: Which = "out") -> str:
        """The next line with this pattern; those before it are passed over."""
        async with asyncio.timeout(LIMIT_SECONDS), self._more:
            while True:
                while self._seen[which] < len(self.lines[which]):
                    line = self.lines[which][self._seen[which]]
                    self._seen[which] += 1
                    if re.search(pattern, line):
                        return line
                if all(reader.done() for reader in self._readers):
                    raise AssertionError(f"ended without {pattern!r}: {self.lines}")
                await self._more.wait()

    async def note(self, pattern: str) -> str:
        """The next line on stderr with this pattern."""
        return await self.line(pattern, "err")

    def forget(self) -> None:
        """Wait only for lines that are yet to come."""
        self._seen = {which: len(lines) for which, lines in self.lines.items()}

    def signal(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)

    async def end(self) -> Done:
        """Wait for its end."""
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.gather(*self._readers)
            status = await self.process.wait()
        return Done(status, *("".join(f"{row}\n" for row in self.lines[one]) for one in self.lines))

    async def interrupted(self) -> Done:
        """Press Ctrl-C, and wait for its end."""
        self.signal(signal.SIGINT)
        return await self.end()

    async def clear(self) -> None:
        """Make sure that nothing is left of it."""
        if self.process.returncode is None:
            self.process.kill()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self.process.wait()

    async def _read(self, which: Which, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for row in stream:
            async with self._more:
                self.lines[which].append(row.decode().rstrip("\n"))
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()


async def launch(*arguments: str, **settings: Any) -> asyncio.subprocess.Process:
    """Start the command; `env` is added to a clean environment."""
    # COLUMNS and LINES, which readline leaves to all that pytest-xdist starts, come before the real size.
    foreign = ("DOVETAIL_", "COLUMNS", "LINES")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= settings.pop("env", {})
    pipes = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | settings
    return await asyncio.create_subprocess_exec(
        COMMAND, *arguments, env=env, preexec_fn=_hears_ctrl_c, **pipes
    )


def _hears_ctrl_c() -> None:
    # A shell that runs the tests in the background has them ignore it, and so all that they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@asynccontextmanager
async def running_shell(script: str) -> AsyncIterator[Program]:
    """A bash script in a process group of its own, with $DOVETAIL as the command, while it runs."""
    program = Program(
        await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(os.environ) | {"DOVETAIL": str(COMMAND)},
            start_new_session=True,
            preexec_fn=_hears_ctrl_c,
        )
    )
    try:
        yield program
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        await program.clear()


@asynccontextmanager
async def running(*arguments: str, **settings: Any) -> AsyncIterator[Program]:
    """The command while it runs."""
    program = Program(await launch(*arguments, **settings))
    try:
        yield program
    finally:
        await program.clear()


async def shell(script: str, **settings: Any) -> Done:
    """Run a bash script in which $DOVETAIL is the command."""
    env = dict(os.environ) | {"DOVETAIL": str(COMMAND)}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env, **settings
    )
    return await _done(process, b"")


async def dovetail(*arguments: str, stdin: bytes = b"", **settings: Any) -> Done:
    """Run the command to its end."""
    process = await launch(*arguments, **settings)
    return await _done(process, stdin)


async def _done(process: asyncio.subprocess.Process, stdin: bytes) -> Done:
    async with asyncio.timeout(LIMIT_SECONDS):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())
