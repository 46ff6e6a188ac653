"""A worker in a process of its own, to be killed: `python … ADDRESS GROUP SUBJECT LEASE`.

Its handler says "in hand" and never ends.
"""

from __future__ import annotations

import asyncio
import sys

from dovetail import Group, Received, connect, run


async def main(address: str, name: str, subject: str, lease: str) -> None:
    """Run the group until killed."""
    group = Group(name, lease=float(lease))

    @group.on(subject)
    async def hang(message: Received) -> None:
        sys.stdout.write("in hand\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    async with connect(address) as queue:
        await run(queue, [group])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
