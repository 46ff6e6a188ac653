"""Messages that handlers return."""

from __future__ import annotations

import asyncio

from dovetail import Backoff, Context, Group, MessageQueue, Worker
from dovetail.codec.envelope import encode
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class OutgoingMessages(Conformance):
    """Published under derived ids, and only then is the message acked."""

    async def test_events_and_commands_are_published(self, queue: MessageQueue) -> None:
        event, effect, command = numbered(), numbered(), order()
        effects, orders = Seen[Numbered](), Seen[Order]()
        group = Group(fresh("group"))

        @group.on(event)
        async def cause(message: Numbered) -> list[Numbered | Order]:
            return [effect(message.number), command(message.number), effect(-message.number)]

        groups = [group, recording(effect, effects), recording(command, orders)]
        async with Worker(queue, groups):
            await queue.publish(event(1))
            await queue.publish(event(2))
            assert sorted(numbers(await effects.has(4))) == [-2, -1, 1, 2]
            assert sorted(numbers(await orders.has(2))) == [1, 2]

    async def test_handled_twice_causes_once(self, queue: MessageQueue) -> None:
        self.need("deduplicates")
        event, effect, handled = numbered(), numbered(), Seen[str]()
        group = Group(fresh("group"))

        @group.on(event)
        async def cause(message: Numbered, context: Context) -> list[Numbered]:
            handled.add(context.id)
            return [effect(1), effect(2)]

        event_id = fresh("id")
        body = encode(event(0), id=event_id, source="test", type=event.__subject__)
        async with Worker(queue, [group]):
            for _ in range(2):  # under two ids for the queue, which is thus no help
                await queue.publish_raw(event.__subject__, body)
            await all_handled(queue, group.name)
        waiting = await queue.waiting(effect, fresh("group"))
        assert handled.items == [event_id, event_id]
        assert [one.data["number"] for one in waiting] == [1, 2]

    async def test_same_id_of_two_sources_causes_twice(self, queue: MessageQueue) -> None:
        event, effect, seen = numbered(), numbered(), Seen[Context]()
        group = Group(fresh("group"))

        @group.on(event)
        async def cause(message: Numbered, context: Context) -> Numbered:
            seen.add(context)
            return effect(message.number)

        async with Worker(queue, [group]):
            for number, source in enumerate(("shop", "bank")):
                body = encode(event(number), id="7", source=source, type=event.__subject__)
                await queue.publish_raw(event.__subject__, body)
            await all_handled(queue, group.name)
        waiting = await queue.waiting(effect, fresh("group"))
        assert [one.data["number"] for one in waiting] == [0, 1]
        assert [(one.id, one.source) for one in seen.items] == [("7", "shop"), ("7", "bank")]
        assert len({one.key for one in seen.items}) == 2

    async def test_ids_differ_between_groups(self, queue: MessageQueue) -> None:
        event, effect = numbered(), numbered()
        groups = [Group(fresh("group")) for _ in range(2)]

        async def cause(message: Numbered) -> Numbered:
            return effect(1)

        for group in groups:
            group.on(event)(cause)
        async with Worker(queue, groups):
            await queue.publish(event(0))
            await all_handled(queue, *(group.name for group in groups))
        assert len(await queue.waiting(effect, fresh("group"))) == 2

    async def test_trace_goes_on(self, queue: MessageQueue) -> None:
        event, effect, seen = numbered(), numbered(), Seen[str | None]()
        group = Group(fresh("group"))

        @group.on(event)
        async def cause(message: Numbered, context: Context) -> Numbered:
            seen.add(context.traceparent)
            return effect(1)

        body = encode(event(0), id="1", source="s", type="t", traceparent=TRACEPARENT)
        async with Worker(queue, [group]):
            await queue.publish_raw(event.__subject__, body)
            await all_handled(queue, group.name)
        [caused] = await queue.waiting(effect, fresh("group"))
        assert seen.items == [caused.traceparent] == [TRACEPARENT]

    async def test_command_that_nobody_handles(self, queue: MessageQueue) -> None:
        event, effect, command = numbered(), numbered(), order()
        group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2))

        @group.on(event)
        async def cause(message: Numbered) -> Numbered | Order:
            return command(1) if message.number == 1 else effect(message.number)

        await queue.publish_many([event(number) for number in range(3)])
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        waiting = await queue.waiting(effect, fresh("group"))
        assert (letter.reason.split(":")[0], letter.attempts) == ("NoGroup", 2)
        assert [one.data["number"] for one in waiting] == [0, 2]

    async def test_what_one_message_causes_does_not_wait_for_the_next_handler(
        self, queue: MessageQueue
    ) -> None:
        event, effect, seen = numbered(), numbered(), Seen[Numbered]()
        group, go_on = Group(fresh("group")), asyncio.Event()

        @group.on(event)
        async def cause(message: Numbered) -> Numbered:
            if message.number == 99:
                await go_on.wait()
            return effect(message.number)

        await queue.publish_many([event(number) for number in range(100)])
        async with Worker(queue, [recording(effect, seen), group]):
            assert numbers(await seen.has(99)) == list(range(99))
            go_on.set()
            await seen.has(100)
