"""Live events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import pytest

from dovetail import Event, MessageQueue, QueueUnavailable, Received, Worker, connect
from dovetail.codec.envelope import encode
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers.process import Server
from dovetail.testing.servers.proxy import Proxy


class Text(Event, frozen=True):
    """What another program takes the same subject for."""

    number: str


@asynccontextmanager
async def listening(
    queue: MessageQueue, what: str | type[Event], missed: Callable[[], None] | None = None
) -> AsyncIterator[Seen[Received]]:
    """Collects what `queue.listen` gives; entered when it certainly listens."""
    seen, ready = Seen[Received](), asyncio.Event()

    async def listen() -> None:
        # As MessageQueue.listen, which does not say when it begins.
        pattern = what if isinstance(what, str) else what.__subject__
        async with queue.transport.listen(pattern, missed) as messages:
            ready.set()
            async for message in messages:
                seen.add(message)

    task = asyncio.create_task(listen())
    try:
        await ready.wait()
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def data(messages: list[Received]) -> list[int]:
    """What these messages are told apart by."""
    return [message.data["number"] for message in messages]


async def hears_again(queue: MessageQueue, event: Event, heard: Seen[Received]) -> None:
    """Return when one more was heard; until then others are published, which are lost while nobody listens.

    Each connection comes back on its own: those that publish and handle may be there before the listener's.
    """
    had = len(heard)

    async def hears() -> bool:
        with suppress(QueueUnavailable):
            await queue.publish(event, durable=False)
        return len(heard) > had

    await until(hears, "the listener hears again")


class Listening(Conformance):
    """To every listener, at most once, from now on."""

    async def test_every_listener_gets_it(self, queue: MessageQueue, address: str) -> None:
        event = numbered()
        async with (
            connect(address) as another,
            listening(queue, event) as first,
            listening(queue, event) as second,
            listening(another, event) as third,
        ):
            for number in range(20):
                await queue.publish(event(number), durable=False)
            for seen in (first, second, third):
                assert data(await seen.has(20)) == list(range(20))

    async def test_listen_as_users_write_it(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()

        async def listen() -> None:
            async for message in queue.listen(event):
                seen.add(message)
                if len(seen) == 3:
                    return

        task = asyncio.create_task(listen())
        number = 0
        while not task.done():
            await queue.publish(event(number := number + 1), durable=False)
            await asyncio.sleep(0.001)
        await task
        first = seen.items[0].number
        assert seen.items == [event(first), event(first + 1), event(first + 2)]

    async def test_class_of_events_gives_those_and_leaves_the_rest_out(
        self, queue: MessageQueue, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = numbered()
        subject = event.__subject__
        async with aclosing(queue.listen(event)) as events:
            first = asyncio.ensure_future(anext(events))
            while not first.done():
                await queue.publish(event(0), durable=False)
                await asyncio.sleep(0.001)
            await queue.publish_raw(subject, b"no event", durable=False)
            foreign = encode(Text("text"), id="1", source="other", type="other")
            await queue.publish_raw(subject, foreign, durable=False)
            await queue.publish(event(7), durable=False)
            async with asyncio.timeout(LIMIT_SECONDS):
                while (heard := await anext(events)) != event(7):
                    assert heard == event(0)
        assert f"left out a message that is no {event.__name__} (1 so far)" in caplog.text
        assert "Expected `int`, got `str` - at `$.number`" in caplog.text

    async def test_durable_events_are_heard_too(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[Numbered]()
        async with (
            listening(queue, event) as heard,
            Worker(queue, [recording(event, handled)]),
        ):
            event_id = await queue.publish(event(1))
            [message] = await heard.has(1)
            await handled.has(1)
        assert (message.id, message.subject) == (event_id, event.__subject__)
        assert message.source == "conformance"
        assert message.time is not None

    async def test_patterns(self, queue: MessageQueue) -> None:
        top = fresh_subject()
        async with listening(queue, f"{top}.*") as star, listening(queue, f"{top}.>") as rest:
            for below in (".a", ".a.b", "", ".c"):
                await queue.publish(numbered(top + below)(), durable=False)
            await queue.publish(numbered(top + ".end")(), durable=False)
            assert [one.subject for one in await star.has(3)] == [
                top + below for below in (".a", ".c", ".end")
            ]
            assert [one.subject for one in await rest.has(4)] == [
                top + below for below in (".a", ".a.b", ".c", ".end")
            ]

    async def test_everything_is_what_applications_publish(self, queue: MessageQueue) -> None:
        event, handled, last = numbered(), Seen[Numbered](), fresh_subject()
        async with listening(queue, ">") as heard:
            async with Worker(queue, [group := recording(event, handled)]):
                await queue.publish(event(1))
                await all_handled(queue, group.name)
            await queue.publish(numbered(last)(2), durable=False)
            async with asyncio.timeout(10):
                while last not in [one.subject for one in heard.items]:
                    await heard.has(len(heard) + 1)
        assert [one.subject for one in heard.items] == [event.__subject__, last]

    async def test_bytes_that_are_no_event_are_delivered_as_they_are(
        self, queue: MessageQueue
    ) -> None:
        subject = fresh_subject()
        bodies = [b"ping", b"", b"\x00\xff", b'{"a": 1}', "é".encode(), b'{"data_base64":"a"}']
        async with listening(queue, subject) as heard:
            for body in bodies:
                await queue.publish_raw(subject, body, durable=False)
            messages = await heard.has(len(bodies))
        assert [one.body for one in messages] == [one.data for one in messages] == bodies
        assert all(one.id is None and one.type is None for one in messages)

    async def test_broken_event_does_not_end_the_listening(self, queue: MessageQueue) -> None:
        subject = fresh_subject()
        broken = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"a"}'
        async with listening(queue, subject) as heard:
            await queue.publish_raw(subject, broken, durable=False)
            await queue.publish_raw(subject, b"next", durable=False)
            assert [one.data for one in await heard.has(2)] == [broken, b"next"]

    async def test_live_events_are_not_stored(self, queue: MessageQueue) -> None:
        event, handled = numbered(), Seen[Numbered]()
        await queue.publish(event(1), durable=False)
        async with Worker(queue, [group := recording(event, handled)]):
            await queue.publish(event(2), durable=False)
            await queue.publish(event(3))
            await all_handled(queue, group.name)
        await queue.publish(event(4), durable=False)
        assert numbers(handled.items) == [3]
        assert data(await queue.waiting(event, fresh("group"))) == [3]

    async def test_listener_is_told_that_it_may_have_missed_something(self, server: Server) -> None:
        """However soon the connection is back: who looks now and then whether it stands does not see that."""
        event, gaps = numbered(), Seen[str]()
        async with (
            Proxy(server) as proxy,
            connect(proxy.url) as queue,
            listening(queue, event, lambda: gaps.add("gap")) as heard,
        ):
            await queue.publish(event(0), durable=False)
            await heard.has(1)
            assert len(gaps) == 0
            for _ in range(3):
                told = len(gaps)
                proxy.cut()
                await gaps.has(told + 1)
                await hears_again(queue, event(1), heard)

    async def test_closed_generator_can_be_opened_again(self, queue: MessageQueue) -> None:
        event = numbered()
        for number in range(3):
            async with aclosing(queue.listen(event)) as messages:
                first = asyncio.ensure_future(anext(messages))
                while not first.done():
                    await queue.publish(event(number), durable=False)
                    await asyncio.sleep(0.001)
                assert await first == event(number)
