"""Publishes tasks until SIGTERM: `… -m benchmarks.partitions.publisher ADDRESS REPLICAS JOURNAL FIRST RATE`.

Each is published again under its id until it is confirmed, and then written down with the time. A call that
takes longer than it may is written down as well.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from itertools import count
from pathlib import Path

from benchmarks.soak.content import Journal, Task
from dovetail import MessageQueue, QueueUnavailable, connect, new_id

AT_ONCE = 10
#: Publishers on different hosts number their tasks in steps, so that no two are alike.
STEP = 10
TIMEOUT_SECONDS = 10.0
#: What a call may take beyond its time limit, on a machine that is busy.
GRACE_SECONDS = 2.0
LATE = "late"


async def publish(queue: MessageQueue, number: int, journal: Journal) -> None:
    """Return once it is confirmed, and written down."""
    message_id = new_id()
    while True:
        began = time.monotonic()
        confirmed = False
        try:
            await queue.publish(Task(number), id=message_id)
            confirmed = True
        except QueueUnavailable:
            await asyncio.sleep(0.1)
        ended = time.monotonic()
        if ended - began > TIMEOUT_SECONDS + GRACE_SECONDS:
            journal.write(LATE, number, ended - began)
        if confirmed:
            journal.write(message_id, number, ended)
            return


async def main(address: str, replicas: str, path: str, first: str, rate: str) -> None:
    """Publish so many each second, as far as the queue takes them."""
    journal, numbers, stopping = Journal(Path(path)), count(int(first), STEP), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)

    async def repeat(queue: MessageQueue) -> None:
        while not stopping.is_set():
            due = loop.time() + AT_ONCE / float(rate)
            await publish(queue, next(numbers), journal)
            await asyncio.sleep(due - loop.time())

    copies = int(replicas)
    async with connect(address, timeout=TIMEOUT_SECONDS, patience=None, replicas=copies) as queue:
        await asyncio.gather(*(repeat(queue) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
