"""What the candidates share: their arguments, the count of what was handled, the report."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import uvloop

#: A candidate that takes longer has failed.
LIMIT_SECONDS = 60.0
#: Between two looks at how far the server has come.
LOOK_SECONDS = 0.002


def arguments() -> argparse.Namespace:
    """`url`, `variant`, and `messages` or `seconds`: what the comparison gives to each candidate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("variant")
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    return parser.parse_args()


def run(candidate: Callable[[argparse.Namespace], Coroutine[Any, Any, dict[str, float]]]) -> None:
    """Run one candidate on uvloop within the time limit, and print its figures as JSON."""

    async def limited() -> dict[str, float]:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await candidate(arguments())

    print(json.dumps(uvloop.run(limited())))


class Tally:
    """Notes each message that a handler was given; the clock starts with the first."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self._ids: list[str] = []
        self._started = self._used = 0.0
        self._complete = asyncio.Event()

    def note(self, id: str) -> None:
        """One message was handled."""
        if not self._ids:
            self._started, self._used = time.perf_counter(), time.process_time()
        self._ids.append(id)
        if len(self._ids) == self.expected:
            self._complete.set()

    async def complete(self) -> None:
        """Return when the handler was given as many as expected."""
        await self._complete.wait()

    def figures(self) -> dict[str, float]:
        """From the first call of the handler until now: `rate` in messages a second, and `cpu`, the
        microseconds of processor time that this process took for each. RuntimeError for one handled twice.
        """
        seconds, used = time.perf_counter() - self._started, time.process_time() - self._used
        if not len(set(self._ids)) == len(self._ids) == self.expected:
            raise RuntimeError(f"{len(self._ids)} calls for {len(set(self._ids))} messages")
        return {"rate": self.expected / seconds, "cpu": used / self.expected * 1e6}


async def publish_for(
    seconds: float,
    publish: Callable[[int, int], Awaitable[object]],
    at_once: Sequence[int],
    number: int = 0,
) -> tuple[dict[str, float], int]:
    """Confirmed messages in a second, so many at once, and `cpu`: microseconds for each of 100.

    The first message has this `number`; the one after the last is returned, too. `publish(first, count)`
    publishes the messages with these numbers at once, and returns when each is confirmed.
    """
    values: dict[str, float] = {}
    for count in at_once:
        await publish(number, count)  # connects, imports, fills caches
        number += count
        first, started, used = number, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < seconds:
            await publish(number, count)
            number += count
        values[str(count)] = (number - first) / (time.perf_counter() - started)
        if count == 100:
            values["cpu"] = (time.process_time() - used) / (number - first) * 1e6
    return values, number
