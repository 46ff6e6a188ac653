"""Waits until everything is handled: `python -m benchmarks.partitions.settled ADDRESS REPLICAS SECONDS`.

What it prints last is JSON: what was left after that time, the dead letters, and how long it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.soak.worker import GROUPS
from dovetail import DovetailError, MessageQueue, connect

LOOK_SECONDS = 0.5


async def unhandled(queue: MessageQueue) -> int | None:
    """None where the queue does not say."""
    try:
        rows = [one for one in (await queue.status()).groups if one.group in GROUPS]
    except DovetailError as error:
        print(f"the queue does not say how far it has come: {error}")
        return None
    return sum(one.waiting + one.in_hand for one in rows) if rows else None


async def main(address: str, replicas: str, seconds: str) -> None:
    """Look again and again."""
    began = time.monotonic()
    async with connect(address, patience=float(seconds), replicas=int(replicas)) as queue:
        while (left := await unhandled(queue)) != 0:
            if time.monotonic() - began > float(seconds):
                break
            await asyncio.sleep(LOOK_SECONDS)
        took = time.monotonic() - began
        letters = (await queue.status()).dead_letters
    print(json.dumps({"unhandled": left, "dead": letters, "took": took}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
