"""What a message may carry."""

from __future__ import annotations

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, MessageTooLarge, Received, Worker
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import (
    NESTED,
    Numbered,
    fresh,
    fresh_subject,
    numbered,
    numbers,
)
from dovetail.testing.conformance.waiting import Seen, all_handled

TEXTS = {
    "empty": "",
    "latin": "Grüße, ¡adiós!",
    "cjk": "待办事项",
    "emoji": "✅ 👩‍👩‍👧 🇪🇺",
    "right to left": "שלום العالم",
    "control": "\x00\x01\n\r\t\x7f",
    "JSON": '"}],\\u0000{',
    "protocol": "\r\nPUB x 0\r\n\r\nPING\r\n",
    "1 MiB": "é" * (512 * 1024),
}
BODIES = {
    "empty": b"",
    "every byte": bytes(range(256)),
    "CRLF": b"\r\n\r\n",
    "nested": NESTED,
    "1 MiB": bytes(range(256)) * 4096,
}

TWICE = Backoff(first=0.05, tries=2)


class Contents(Conformance):
    """Empty, binary, large, in any script."""

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    async def test_text(self, queue: MessageQueue, text: str) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with listening(queue, event) as heard, Worker(queue, [recording(event, seen)]):
            await queue.publish(event(1, text))
            assert (await seen.has(1)) == [event(1, text)]
            assert (await heard.has(1))[0].data["text"] == text

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    async def test_bytes(self, queue: MessageQueue, body: bytes) -> None:
        subject, seen, group = fresh_subject(), Seen[Received](), Group(fresh("group"))

        @group.on(subject)
        async def take(message: Received) -> None:
            seen.add(message)

        async with listening(queue, subject) as heard, Worker(queue, [group]):
            await queue.publish_raw(subject, body)
            for message in (*await seen.has(1), *await heard.has(1)):
                assert (message.body, message.data, message.id) == (body, body, None)

    async def test_as_large_as_the_queue_takes(self, queue: MessageQueue) -> None:
        subject, tried, group = fresh_subject(), Seen[int](), Group(fresh("group"), retry=TWICE)

        @group.on(subject)
        async def fail_twice(message: Received, context: Context) -> None:
            tried.add(len(message.body))
            if len(tried) <= 2:
                raise ValueError("no" * 20_000)

        too_large = bytes(8 * self.features.largest_body)
        with pytest.raises(MessageTooLarge) as caught:
            await queue.publish_raw(subject, too_large)
        added = caught.value.size - len(too_large)
        body = bytes(caught.value.limit - added)
        async with Worker(queue, [group]):
            await queue.publish_raw(subject, body)
            await tried.has(2)
            await all_handled(queue, group.name)
            [letter] = await queue.dead_letters.list(group=group.name)
            assert (await queue.dead_letters.get(letter.id)).body == body
            assert letter.reason.startswith("ValueError: nono")
            await queue.dead_letters.replay(letter)
            assert await tried.has(3) == [len(body)] * 3
            await all_handled(queue, group.name)
        assert not await queue.dead_letters.list(group=group.name)

    async def test_too_large(self, queue: MessageQueue) -> None:
        event, seen, most = numbered(), Seen[Numbered](), self.features.largest_body
        too_large = event(1, "x" * 2 * most)
        async with Worker(queue, [group := recording(event, seen)]):
            with pytest.raises(MessageTooLarge) as caught:
                await queue.publish(too_large)
            assert caught.value.size > caught.value.limit >= most
            with pytest.raises(MessageTooLarge):
                await queue.publish_many([event(2), too_large])
            with pytest.raises(MessageTooLarge):
                await queue.publish(too_large, durable=False)
            await queue.publish(event(3, "x" * (most - 1000)))
            await all_handled(queue, group.name)
        assert numbers(seen.items) == [3]
