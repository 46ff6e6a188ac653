"""`run`, wherever it is called: it stops on a signal, and leaves everything as it was."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dovetail import Event, Group, connect, run
from dovetail.testing.conformance.waiting import LIMIT_SECONDS


class Happened(Event, frozen=True, subject="events.happened"):
    pass


class Running:
    """A group on a queue of its own, run by `run`; `begun` is set when a message was handled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.drained = 0

    def group(self) -> Group:
        """Handles until it is told to stop."""
        group = Group("group")

        @group.on(Happened)
        async def handle(event: Happened) -> None:
            self.begun.set()
            await asyncio.sleep(0.05)
            self.drained += 1

        return group

    async def run(self) -> None:
        """Publish one, and run until a signal comes."""
        async with connect("memory://") as queue:
            await queue.publish(Happened())
            await run(queue, [self.group()])


@pytest.fixture(autouse=True)
def handlers_as_they_were() -> Iterator[None]:
    """Whatever a test does, the handlers are there again after it, or it fails."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    after = [signal.getsignal(number) for number in numbers]
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    assert after == before


async def _until_ended(*tasks: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains(number: int) -> None:
    running = Running()
    task = asyncio.create_task(running.run())
    await running.begun.wait()
    os.kill(os.getpid(), number)
    await _until_ended(task)
    assert running.drained == 1


async def test_on_a_loop_without_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    monkeypatch.setattr(loop, "remove_signal_handler", refuse)
    await test_a_signal_drains(signal.SIGTERM)


async def test_two_at_once() -> None:
    first, second, third = Running(), Running(), Running()
    tasks = [asyncio.create_task(one.run()) for one in (first, second)]
    await first.begun.wait()
    await second.begun.wait()
    tasks[0].cancel()  # the other is told nevertheless
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    tasks[0] = asyncio.create_task(third.run())
    await third.begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await _until_ended(*tasks)
    assert [one.drained for one in (first, second, third)] == [1, 1, 1]


async def test_second_signal_cancels() -> None:
    group, begun = Group("group"), asyncio.Event()

    @group.on(Happened)
    async def never_end(event: Happened) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def work() -> None:
        async with connect("memory://") as queue:
            await queue.publish(Happened())
            await run(queue, [group], drain=60)

    task = asyncio.create_task(work())
    await begun.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        await _until_ended(task)


async def test_own_handler_of_the_program_is_called_too() -> None:
    came: list[int] = []
    signal.signal(signal.SIGTERM, own := lambda number, frame: came.append(number))
    try:
        await test_a_signal_drains(signal.SIGTERM)
        assert came == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


async def test_own_handler_that_exits_does_so_after_the_drain() -> None:
    def leave(number: int, frame: object) -> None:
        raise SystemExit(7)

    signal.signal(signal.SIGTERM, leave)
    try:
        running = Running()

        async def work() -> object:
            try:
                await running.run()
            except SystemExit as error:
                return error.code
            return None

        task = asyncio.create_task(work())
        await running.begun.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, LIMIT_SECONDS) == 7
        assert running.drained == 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


async def test_own_handler_of_the_loop_is_called_too() -> None:
    came: list[int] = []
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, came.append, 1)
    try:
        await test_a_signal_drains(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(came) < 2:  # noqa: ASYNC110 - the loop's own way
                await asyncio.sleep(0.01)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, ignored := signal.SIG_IGN)
    try:
        running = Running()
        task = asyncio.create_task(running.run())
        await running.begun.wait()
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is ignored
        os.kill(os.getpid(), signal.SIGTERM)
        await _until_ended(task)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_in_another_thread(loops: str) -> None:
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if loops == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    results: list[int] = []

    async def work() -> None:
        running = Running()
        task = asyncio.create_task(running.run())
        await running.begun.wait()
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT_SECONDS)
        results.append(running.drained)

    def thread() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(work())

    one = threading.Thread(target=thread)
    one.start()
    one.join(LIMIT_SECONDS)
    assert results == [1]


def test_on_uvloop() -> None:
    factory = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(test_a_signal_drains(signal.SIGTERM))
        runner.run(test_two_at_once())
