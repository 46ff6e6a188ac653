"""Publishes tasks until SIGTERM: `python -m benchmarks.soak.publisher ADDRESS JOURNAL RATE`.

Each is published again under its id until it is accepted, and only then written down.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from itertools import count
from pathlib import Path

from benchmarks.soak.content import Journal, Task
from dovetail import MessageQueue, QueueUnavailable, connect, new_id

AT_ONCE = 20


async def publish(queue: MessageQueue, number: int) -> str:
    """Returns its id once it is accepted."""
    message_id = new_id()
    while True:
        try:
            return await queue.publish(Task(number), id=message_id)
        except QueueUnavailable:
            await asyncio.sleep(0.1)


async def main(address: str, path: str, rate: str) -> None:
    """Publish so many each second, as far as the queue takes them."""
    journal, numbers, stopping = Journal(Path(path)), count(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)

    async def repeat(queue: MessageQueue) -> None:
        while not stopping.is_set():
            due = loop.time() + AT_ONCE / float(rate)
            number = next(numbers)
            journal.write(await publish(queue, number), number)
            await asyncio.sleep(due - loop.time())

    async with connect(address, patience=None) as queue:
        await asyncio.gather(*(repeat(queue) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
