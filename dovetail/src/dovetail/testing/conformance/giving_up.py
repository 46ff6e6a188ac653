"""How messages come to the dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from dovetail import Backoff, Context, Group, MessageQueue, Reject, Worker
from dovetail.codec.envelope import encode
from dovetail.testing.conformance.base import Conformance, adding_to, recording
from dovetail.testing.conformance.names import NESTED, Numbered, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled

#: Bytes that are no event with a number, and what the reason says of them.
UNDECODABLE = [
    pytest.param(b"", "truncated", id="empty"),
    pytest.param(b"not json", "malformed", id="no JSON"),
    pytest.param(b"\xff\x00\xfe", "malformed", id="binary"),
    pytest.param(b"[1, 2]", "Expected `object`", id="no envelope"),
    pytest.param(
        b'{"specversion":"1.0","id":"1","source":"s","type":"t"}', "no data", id="no data"
    ),
    pytest.param(
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"number":"x"}}',
        "Expected `int`",
        id="wrong type",
    ),
    pytest.param(
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"a"}',
        "base64",
        id="broken base64",
    ),
    pytest.param(
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","failure":"no"}',
        "no data",
        id="an answer",
    ),
    pytest.param(
        b'{"specversion":"9.0","id":"1","source":"s","type":"t","data":{}}',
        "'9.0' is not supported",
        id="another version",
    ),
    pytest.param(NESTED.replace(b'"text"', b'"more"'), "recursion", id="nested too deep"),
]

#: What an event of somebody else's may have, and is handled all the same.
ODD: list[dict[str, Any]] = [
    {"id": "", "source": ""},
    {"id": "a\nb\x1b[2K\u202e", "source": "\n", "type": "\r\n"},
    {"id": "x" * 1000, "type": "events.of.another.kind"},
    {"time": "0001-01-01T00:00:00Z"},
    {"time": "9999-12-31T23:59:59.999999-14:00"},
    {"datacontenttype": "text/plain", "failure": "an extension of theirs"},
    {"failure": 7, "": 1, "a b": [], "UPPER": {"x": None}, "data2": "😀"},
]


class GivingUp(Conformance):
    """After the last attempt, on Reject, and for what cannot be decoded."""

    async def test_last_attempt(self, queue: MessageQueue) -> None:
        event, attempts = numbered(), Seen[int]()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=3))

        @group.on(event)
        async def fail(message: Numbered, context: Context) -> None:
            attempts.add(context.attempt)
            raise ValueError(f"no place\nfor {message.number}")

        before = datetime.now(UTC)
        async with Worker(queue, [group]):
            event_id = await queue.publish(event(7))
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert attempts.items == [1, 2, 3]
        assert (letter.attempts, letter.message_id) == (3, event_id)
        assert letter.reason == "ValueError: no place for 7"
        assert 'raise ValueError(f"no place' in letter.traceback
        assert (letter.group, letter.subject, letter.kind) == (
            group.name,
            event.__subject__,
            "event",
        )
        assert letter.published_at is not None
        assert before <= letter.published_at <= letter.died_at <= datetime.now(UTC)
        assert b'"number":7' in letter.body

    @pytest.mark.parametrize("batch", [0, 10])
    async def test_reject_is_final(self, queue: MessageQueue, batch: int) -> None:
        event, calls = numbered(), Seen[int]()
        group = Group(fresh("group"))

        @group.on(event, batch=batch)
        async def reject(message: Any) -> None:
            calls.add(1)
            raise Reject("never")

        async with Worker(queue, [group]):
            await queue.publish(event())
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert (letter.attempts, letter.reason, len(calls)) == (1, "Reject: never", 1)

    @pytest.mark.parametrize("batch", [0, 10])
    @pytest.mark.parametrize(("body", "reason"), UNDECODABLE)
    async def test_undecodable_does_not_block_the_others(
        self, queue: MessageQueue, body: bytes, reason: str, batch: int
    ) -> None:
        event, seen = numbered(), Seen[Any]()
        group = Group(fresh("group"))
        group.on(event, batch=batch)(adding_to(seen))
        await queue.publish(event(1))
        await queue.publish_raw(event.__subject__, body)
        await queue.publish(event(2))
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
            await queue.publish(event(3))
            await all_handled(queue, group.name)
        handled = [one for call in seen.items for one in (call if batch else [call])]
        [letter] = await queue.dead_letters.list(group=group.name)
        assert numbers(handled) == [1, 2, 3]
        assert letter.reason.startswith("DecodeError: ")
        assert reason in letter.reason
        assert (letter.attempts, letter.body) == (1, body)

    async def test_however_long_its_id_and_its_error_are(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

        @group.on(event)
        async def fail(message: Numbered) -> None:
            if message.text:
                raise ValueError(message.text)
            seen.add(message)

        text = "é\n📚\x1b" * 60_000
        async with Worker(queue, [group]):
            await queue.publish(event(1, text))
            for long in (text, "1"):
                body = encode({"number": text}, id=long, source="s", type=text)
                await queue.publish_raw(event.__subject__, body)
            await queue.publish(event(2))
            await all_handled(queue, group.name)
        assert numbers(seen.items) == [2]
        letters = await queue.dead_letters.list(group=group.name)
        assert sorted(letter.reason[:20] for letter in letters) == [
            "DecodeError: not the",
            "DecodeError: not the",
            "ValueError: é 📚\x1bé 📚\x1b"[:20],
        ]
        assert max(len(letter.reason) for letter in letters) <= 4000
        for letter in letters:
            assert await queue.dead_letters.get(letter.id) == letter
            await queue.dead_letters.drop(letter)

    async def test_an_odd_event_is_an_event(self, queue: MessageQueue) -> None:
        event, seen = numbered(), Seen[Numbered]()
        group = recording(event, seen)
        whole: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
        for number, more in enumerate(ODD):
            odd = whole | {"data": {"number": number}} | more
            await queue.publish_raw(event.__subject__, msgspec.json.encode(odd))
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        assert sorted(numbers(seen.items)) == [*range(len(ODD))]
        assert not await queue.dead_letters.list(group=group.name)

    async def test_error_that_cannot_be_written(self, queue: MessageQueue) -> None:
        class Broken(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        errors = [
            OSError("no file \udcff"),
            Broken(),
            ExceptionGroup("two", [ValueError("\udcff")]),
        ]
        event = numbered()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=1))

        @group.on(event)
        async def fail(message: Numbered) -> None:
            raise errors[message.number]

        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(3)])
            await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
        assert [letter.reason for letter in reversed(letters)] == [
            "OSError: no file \\udcff",
            "Broken: (its text cannot be read)",
            "ExceptionGroup: two (1 sub-exception)",
        ]

    async def test_returning_what_is_no_message(self, queue: MessageQueue) -> None:
        event = numbered()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=1))

        @group.on(event)
        async def answer(message: Numbered) -> str:
            return "done"

        async with Worker(queue, [group]):
            await queue.publish(event())
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert "a handler returns Events, Commands or None" in letter.reason

    async def test_command(self, queue: MessageQueue) -> None:
        command = order()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

        @group.on(command)
        async def fail(message: object) -> None:
            raise ValueError("no")

        async with Worker(queue, [group]):
            await queue.send(command(1))
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert (letter.kind, letter.attempts) == ("command", 2)
