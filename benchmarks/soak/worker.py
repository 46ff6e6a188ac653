"""One worker: `python -m benchmarks.soak.worker ADDRESS JOURNAL`. To be killed, frozen and drained."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.soak.content import FAILS_ONE_IN, LEASE_SECONDS, Done, Journal, Task
from dovetail import Backoff, Context, Group, connect, run

GROUPS = ("soak-tasks", "soak-done")


def groups(journal: Journal) -> list[Group]:
    """One that handles tasks and causes an event for each, and one that handles those."""
    retry = Backoff(first=0.5, most=5, tries=20)
    tasks = Group(GROUPS[0], lease=LEASE_SECONDS, concurrency=4, retry=retry)
    done = Group(GROUPS[1], lease=LEASE_SECONDS, concurrency=4, retry=retry)

    @tasks.on(Task)
    async def handle(task: Task, context: Context) -> Done:
        if task.number % FAILS_ONE_IN == 0 and context.attempt == 1:
            raise RuntimeError("not at the first attempt")
        await asyncio.sleep(0.001)
        journal.write("task", context.id, task.number)
        return Done(task.number)

    @done.on(Done)
    async def note(event: Done, context: Context) -> None:
        journal.write("done", context.id, event.number)

    return [tasks, done]


async def main(address: str, path: str) -> None:
    """Run until told to stop, or killed."""
    async with connect(address, patience=None) as queue:
        await run(queue, groups(Journal(Path(path))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
