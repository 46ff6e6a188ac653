"""What the contenders share: their arguments, the count of what was handled, the report."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import nats
import uvloop
from nats.js import JetStreamContext

#: A contender that takes longer has failed.
LIMIT_SECONDS = 60.0
#: Between two looks at how far the server has come.
LOOK_SECONDS = 0.002


def arguments() -> argparse.Namespace:
    """`url`, `variant`, and `messages` or `seconds`: what the contest gives to each contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("variant")
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    return parser.parse_args()


def run(contender: Callable[[argparse.Namespace], Coroutine[Any, Any, dict[str, float]]]) -> None:
    """Run one contender on uvloop within the time limit, and print its figures as JSON."""

    async def limited() -> dict[str, float]:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await contender(arguments())

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

    async def rate(self, url: str) -> dict[str, float]:
        """From the first call of the handler until the server has every ack: `rate` in messages a
        second, and `cpu`, the microseconds of processor time that this process took for each.
        """
        client = await nats.connect(url)
        await self._complete.wait()
        while not await _all_acked(client.jetstream(), self.expected):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(LOOK_SECONDS)
        seconds, used = time.perf_counter() - self._started, time.process_time() - self._used
        await client.close()
        if not len(set(self._ids)) == len(self._ids) == self.expected:
            raise RuntimeError(f"{len(self._ids)} calls for {len(set(self._ids))} messages")
        return {"rate": self.expected / seconds, "cpu": used / self.expected * 1e6}


async def _all_acked(js: JetStreamContext, expected: int) -> bool:
    for stream in await js.streams_info():
        assert stream.config.name
        for consumer in await js.consumers_info(stream.config.name):
            floor = consumer.ack_floor
            if floor and floor.consumer_seq >= expected and not consumer.num_ack_pending:
                return True
    return False


async def stored(url: str) -> int:
    """Messages in all streams of a server."""
    client = await nats.connect(url)
    total = sum(stream.state.messages for stream in await client.jetstream().streams_info())
    await client.close()
    return total


async def publish_rates(
    url: str, seconds: float, publish: Callable[[int, int], Awaitable[object]]
) -> dict[str, float]:
    """Confirmed messages in a second, 1, 100 and 1,000 at once, and `cpu`: microseconds for each of 100.

    `publish(first, count)` publishes the messages with these numbers at once, and returns when each
    is confirmed.
    """
    values: dict[str, float] = {}
    number = 0
    for at_once in (1, 100, 1000):
        await publish(number, at_once)  # connects, imports, fills caches
        number += at_once
        first, started, used = number, time.perf_counter(), time.process_time()
        while time.perf_counter() - started < seconds:
            await publish(number, at_once)
            number += at_once
        values[str(at_once)] = (number - first) / (time.perf_counter() - started)
        if at_once == 100:
            values["cpu"] = (time.process_time() - used) / (number - first) * 1e6
    if (there := await stored(url)) < number:
        raise RuntimeError(f"{number} messages were confirmed, but only {there} are stored")
    return values
