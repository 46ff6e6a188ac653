"""A second signal: what is in hand is given back at once, and nothing is said of a queue that is away."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator

import pytest

from dovetail import Event, Group, connect, run
from dovetail.testing.servers import NatsServer


class Happened(Event, frozen=True, subject="events.happened"):
    pass


@pytest.fixture(autouse=True)
def handlers_as_they_were() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("queue", ["memory", "nats"])
async def test_a_second_signal_gives_back_what_is_in_hand(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture, queue: str
) -> None:
    caplog.set_level(logging.INFO, "dovetail")
    group, begun, called = Group("hurried", lease=60), asyncio.Event(), 0
    finishing = asyncio.Event()

    @group.on(Happened)
    async def never_end(_: Happened) -> Happened | None:
        nonlocal called
        called += 1
        begun.set()
        await asyncio.Event().wait()
        return None

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "finishing 1 message, at most 60 s; Ctrl-C again" in record.getMessage():
                finishing.set()

    ear = Ear()
    logging.getLogger("dovetail").addHandler(ear)

    async def work() -> None:
        async with connect("memory://hurried" if queue == "memory" else nats_server.url) as opened:
            await opened.publish(Happened())
            await run(opened, [group], drain=60)

    task = asyncio.create_task(work())
    try:
        async with asyncio.timeout(20):
            await begun.wait()
            os.kill(os.getpid(), signal.SIGINT)
            await finishing.wait()
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(asyncio.CancelledError):
                await task
    finally:
        logging.getLogger("dovetail").removeHandler(ear)
    assert called == 1
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
