"""Workers are killed and stopped, as processes, in the middle of their work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dovetail import connect
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import all_handled, until
from dovetail.testing.servers import NatsServer

pytestmark = pytest.mark.faults
PROGRAM = Path(__file__).with_name("worker_process.py")


class Workers:
    """Processes of one group, and what they handled."""

    def __init__(self, address: str, group: str, subject: str, path: Path) -> None:
        self.command = [sys.executable, str(PROGRAM), address, group, subject, str(path)]
        self.path = path
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.running.append(subprocess.Popen(self.command))

    async def end_oldest(self, number: signal.Signals) -> int:
        """Send the signal; returns the exit status."""
        process = self.running.pop(0)
        process.send_signal(number)
        return await asyncio.to_thread(process.wait, 20)

    def handled(self) -> list[int]:
        return [int(line) for line in self.path.read_bytes().split()] if self.path.exists() else []

    async def have_handled(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.handled()) >= count

        await until(enough, f"{count} handled", within=60)


@contextmanager
def workers(address: str, group: str, subject: str, path: Path) -> Iterator[Workers]:
    crew = Workers(address, group, subject, path)
    try:
        yield crew
    finally:
        for process in crew.running:
            process.kill()
            process.wait()


async def test_killed_again_and_again(nats_server: NatsServer, tmp_path: Path) -> None:
    event, group, count = numbered(), fresh("group"), 4000
    async with connect(nats_server.url) as queue:
        await queue.publish_many([event(number) for number in range(count)])
        with workers(nats_server.url, group, event.__subject__, tmp_path / "handled") as crew:
            for _ in range(3):
                crew.start()
            for part in range(1, 5):
                await crew.have_handled(part * count // 6)
                await crew.end_oldest(signal.SIGKILL)
                crew.start()
            await all_handled(queue, group)
            times = Counter(crew.handled())
        assert set(times) == set(range(count))
        # Only what a killed one had handled and not acked yet.
        assert sum(times.values()) - count < 100
        assert not await queue.dead_letters.list(group=group)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopped_under_load(
    nats_server: NatsServer, tmp_path: Path, number: signal.Signals
) -> None:
    event, group, count = numbered(), fresh("group"), 3000
    async with connect(nats_server.url) as queue:
        await queue.publish_many([event(number) for number in range(count)])
        with workers(nats_server.url, group, event.__subject__, tmp_path / "handled") as crew:
            crew.start()
            for part in (1, 2):
                await crew.have_handled(part * count // 4)
                crew.start()
                assert await crew.end_oldest(number) == 0
            await all_handled(queue, group)
            assert sorted(crew.handled()) == list(range(count))
