"""`todo …` as its users run it, with its output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

#: For a command to say or do something, on a busy machine.
PATIENCE_SECONDS = 30.0


class Command:
    """A running `todo`. Both of its streams are collected, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._more = asyncio.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, [self.lines])),
            asyncio.create_task(self._read(process.stderr, [self.lines, self.errors])),
        ]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        """Everything that it said."""
        return "\n".join(self.lines)

    async def said(self, text: str, times: int = 1) -> str:
        """Wait until it has said this so often; the last line that does."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        def ended() -> bool:
            return all(one.done() for one in self._readers)

        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._more:
                await self._more.wait_for(lambda: len(found()) >= times or ended())
        except TimeoutError:
            pass
        assert len(found()) >= times, f"it did not say {text!r} {times} times:\n{self.text}"
        return found()[times - 1]

    async def ended(self, within: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; the exit status."""
        try:
            async with asyncio.timeout(within):
                # The readers go on where the time is over: `discard` waits for them.
                await asyncio.shield(asyncio.gather(*self._readers))
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"it did not end within {within:g} s:\n{self.text}") from None

    async def stop(
        self, number: signal.Signals = signal.SIGTERM, within: float = PATIENCE_SECONDS
    ) -> int:
        """Send a signal and wait for its end; the exit status."""
        self.process.send_signal(number)
        return await self.ended(within)

    def deafen(self) -> None:
        """Read nothing more: its output goes to a closed pipe."""
        for number in (1, 2):
            pipe = self.process._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
            assert pipe is not None
            pipe.close()

    async def discard(self) -> None:
        """End it, however it is."""
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 20)
            except TimeoutError:
                self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._readers)

    async def _read(self, stream: asyncio.StreamReader, lists: list[list[str]]) -> None:
        rest = b""
        while chunk := await stream.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            async with self._more:
                for line in lines:
                    for one in lists:
                        one.append(line.decode())
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()


#: Takes from root what others do not have either: reading what they may not.
_AS_ANYONE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") * (os.getuid() == 0)


async def start(*arguments: str, folder: Path, settings: Mapping[str, str]) -> Command:
    """Start `todo` with these arguments in a folder; settings are without TODO_."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TODO_")
    }
    environment |= {f"TODO_{name}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(*_AS_ANYONE, sys.executable, "-m", "todo", *arguments),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # These tests may run under nohup, the command does not.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    return Command(process)


def children(pid: int) -> dict[int, str]:
    """The processes that this one has started, with their command lines."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ").strip()
    return found


def child(pid: int, component: str) -> int:
    """The one child that runs this component."""
    (found,) = (one for one, command in children(pid).items() if command.endswith(component))
    return found
