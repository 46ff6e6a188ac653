"""A worker in a process of its own, to be killed: `python … ADDRESS GROUP SUBJECT FILE`.

It appends its process id and the number of each message that it handles to the file.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from dovetail import Event, Group, connect, run


async def main(address: str, name: str, subject: str, path: str) -> None:
    """Run the group until stopped or killed."""

    class Numbered(Event, frozen=True, subject=subject):
        number: int

    group = Group(name, lease=1.0, concurrency=4)
    file = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @group.on(Numbered)
    async def handle(message: Numbered) -> None:
        await asyncio.sleep(0.001)
        os.write(file, b"%d %d\n" % (os.getpid(), message.number))

    async with connect(address) as queue:
        await run(queue, [group])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
