"""A publisher that outruns its consumers: what both processes have in memory at most.

`python -m benchmarks.bounds.flood ADDRESS publish|handle` is one of the two; each prints its peak.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from dataclasses import dataclass

from benchmarks.process import ROOT
from benchmarks.servers import QUEUES
from dovetail import Event, Group, MessageQueue, Worker, connect

MESSAGES = 200_000
AT_ONCE = 1000
#: Bytes of text in each: all of them together are three times as much as the bound.
TEXT = "x" * 1000
#: What each of the two processes may have in memory.
MOST_BYTES = 64 * 1024 * 1024
#: For how long one call of the handler waits, in seconds.
SLOW_SECONDS = 0.001


class Drop(Event, frozen=True, subject="events.bounds.drop"):
    """One of many."""

    number: int
    text: str


@dataclass
class Peaks:
    """Bytes that each process had in memory at most, and messages handled when the last was published."""

    publisher: int
    worker: int
    handled: int

    @property
    def good(self) -> bool:
        """Whether both stayed in bounds, and the worker was behind, as it is meant to be."""
        return max(self.publisher, self.worker) <= MOST_BYTES and 0 < self.handled < MESSAGES / 2


async def measure(queue: str) -> Peaks:
    """Both processes, on a server of their own."""
    async with QUEUES[queue]() as server:
        worker = await _start(server.url, "handle")
        assert worker.stdout is not None
        assert worker.stdin is not None
        await worker.stdout.readline()  # it has joined the group
        publisher = await _start(server.url, "publish")
        published, _ = await publisher.communicate()
        handled, _ = await worker.communicate(b"that was all\n")
        if publisher.returncode or worker.returncode:
            raise RuntimeError("a process of the flood failed")
        peak, count = json.loads(handled)
        return Peaks(json.loads(published), peak, count)


async def _start(address: str, role: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bounds.flood", address, role),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def publish(queue: MessageQueue) -> int:
    """As fast as the queue takes them; returns the peak."""
    for first in range(0, MESSAGES, AT_ONCE):
        await queue.publish_many([Drop(first + one, TEXT) for one in range(AT_ONCE)])
    return _peak()


async def handle(queue: MessageQueue) -> tuple[int, int]:
    """Until something comes on standard input; returns the peak and how many were handled."""
    count = 0
    group = Group("bounds", concurrency=4)

    @group.on(Drop)
    async def handle(drop: Drop) -> None:
        nonlocal count
        await asyncio.sleep(SLOW_SECONDS)
        count += 1

    async with Worker(queue, [group]):
        print("joined", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        return _peak(), count


def _peak() -> int:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024


async def main(address: str, role: str) -> None:
    """One of the two processes."""
    async with connect(address, timeout=30) as queue:
        print(json.dumps(await (publish(queue) if role == "publish" else handle(queue))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
