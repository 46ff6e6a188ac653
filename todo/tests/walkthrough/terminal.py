"""A terminal in which one command at a time runs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

#: Lines and columns.
SIZE = (40, 100)
#: Seconds after which what was waited for will not come.
PATIENCE = 30.0
_CTRL_C = b"\x03"
#: Colours, what clears the screen, and the terminal's own `^C` with the line end that some put behind it.
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\^C(?:\r?\n)?")


class Terminal:
    """Runs commands as a shell in a terminal does. `wording` changes what they say before it is read."""

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: Path,
        wording: Callable[[str], str],
        patience: float = PATIENCE,
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._wording = wording
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._master = -1
        self._raw = b""
        self._ended = False
        self._more = asyncio.Event()
        self._seen = 0

    @property
    def busy(self) -> bool:
        """Whether a command runs."""
        return self._process is not None

    @property
    def unseen(self) -> str:
        """What the command said since the last `look_past`, without colours."""
        said = _STEERING.sub("", self._raw.decode(errors="replace"))
        # JSON from `curl` ends without a line end.
        end = "\n" if self._ended and not said.endswith("\n") and said else ""
        return self._wording(said + end)[self._seen :]

    def look_past(self, length: int) -> None:
        """So much of what is unseen was seen; whole lines."""
        self._seen += length

    async def start(self, command: str) -> None:
        """Type a command."""
        self._raw, self._ended, self._seen = b"", False, 0
        self._master, slave = _open_terminal()
        self._process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command),
            env=self._environment,
            cwd=self._folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_as_from_a_shell,
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    async def until(self, condition: Callable[[], bool]) -> bool:
        """Wait until it has said what the condition looks for; False when it ends without, or in vain."""
        try:
            async with asyncio.timeout(self._patience):
                while not condition() and not self._ended:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            return False
        return condition()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._master, _CTRL_C)

    async def end(self) -> bool:
        """Wait for the command's end; False where it does not come."""
        assert self._process is not None
        if not await self.until(lambda: self._ended):
            return False
        await self._process.wait()
        self._close()
        return True

    async def discard(self) -> None:
        """End the command, however it is."""
        if self._process is not None:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                if self._process.returncode is None:
                    os.killpg(self._process.pid, sign)
                if await self.end():
                    return
            self._close()

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        self._process = None

    def _read(self) -> None:
        try:
            chunk = os.read(self._master, 65_536)
        except OSError:  # no process has the terminal open any more
            chunk = b""
        self._raw += chunk
        if not chunk:
            self._ended = True
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()


def _as_from_a_shell() -> None:
    """In the terminal's foreground, and Ctrl-C arrives, also where a script runs the tests behind it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _open_terminal() -> tuple[int, int]:
    """The two sides of a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    return master, slave
