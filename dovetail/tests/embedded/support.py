"""What these tests share: an owner in a process of its own, and a message that must outlive things."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import nats
from nats.js.api import StreamConfig

_OWNER = """
import asyncio, sys
from dovetail.embedded import EmbeddedServer, child

async def main(folder, port, monitor_port, kernel_tells):
    child.KERNEL_TELLS = kernel_tells == "True"
    async with EmbeddedServer(folder, int(port), int(monitor_port)) as server:
        print(server.url, server.pid, server.joined, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass
class Owner:
    """A process that entered `EmbeddedServer`; it leaves when its standard input ends."""

    process: subprocess.Popen[str]
    url: str
    server_pid: int
    joined: bool

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


@contextmanager
def owner_process(
    folder: Path, *, port: int = 0, monitor_port: int = 0, kernel_tells: bool = True
) -> Iterator[Owner]:
    arguments = [str(folder), str(port), str(monitor_port), str(kernel_tells)]
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url, pid, joined = _line(process.stdout).split()
            yield Owner(process, url, int(pid), joined == "True")
        finally:
            process.kill()


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def wait_gone(pid: int, seconds: float = 15) -> None:
    """Wait until a process that is nobody's child here has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone, _, _ = select.select([handle], [], [], seconds)
    os.close(handle)
    assert gone, f"process {pid} is still there after {seconds} s"


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for what has no signal of its own."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so after {seconds} s"
        await asyncio.sleep(0.005)


async def keep_a_message(url: str) -> None:
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="kept", subjects=["kept"]))
    await stream.publish("kept", b"1")
    await client.close()


async def kept_messages(url: str) -> int:
    client = await nats.connect(url)
    info = await client.jetstream().stream_info("kept")
    await client.close()
    return info.state.messages
