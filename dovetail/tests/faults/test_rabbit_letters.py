"""RabbitMQ: whatever happens while dead letters are read, each is there once, and replayed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
import pytest_asyncio
from msgspec.structs import replace
from pamqp import commands
from pamqp.base import Frame

from dovetail import Backoff, DeadLetter, Group, MessageQueue, Worker, connect
from dovetail.network.protocol import ConnectionLost
from dovetail.testing.conformance.many_letters import MANY, Clerk
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transports.rabbitmq import dead_letter_removal
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.dead_letter_pages import DeadLetterPages
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.topology import COPY, dead_of, queue_of, replayed_of
from dovetail.transports.rabbitmq.transport import RabbitTransport

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def proxy(rabbit_server: RabbitServer) -> AsyncIterator[Proxy]:
    async with Proxy(rabbit_server) as proxy:
        yield proxy


class Killed(Exception):
    """As if the process was."""


class Failing:
    """A group of one subject whose handler fails, and what it was called with."""

    def __init__(self) -> None:
        self.event, self.calls = numbered(), Seen[Numbered]()
        self.group = Group(fresh("group"), retry=Backoff(tries=1))

        @self.group.on(self.event)
        async def fail(message: Numbered) -> None:
            self.calls.add(message)
            raise ValueError("no")

    async def letters(self, queue: MessageQueue) -> Sequence[DeadLetter]:
        return await queue.dead_letters.list(group=self.group.name)

    async def fail(self, queue: MessageQueue) -> DeadLetter:
        """One letter, of the message 1; no worker runs then."""
        async with Worker(queue, [self.group]):
            await queue.publish(self.event(1))
            await all_handled(queue, self.group.name)
        [letter] = await self.letters(queue)
        return letter

    async def again(self, queue: MessageQueue) -> list[int]:
        """What the handler is called with now, after that."""
        async with Worker(queue, [self.group]):
            await all_handled(queue, self.group.name)
        return numbers(self.calls.items)[1:]


@pytest_asyncio.fixture
async def queue(proxy: Proxy) -> AsyncIterator[MessageQueue]:
    async with connect(proxy.url) as queue:
        yield queue


async def test_connection_lost_after_reading(
    queue: MessageQueue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, close, cuts = Failing(), DeadLetterPages.close, iter(range(2))
    letter = await failing.fail(queue)

    async def cut_and_close(pages: DeadLetterPages) -> None:
        if next(cuts, None) is not None:
            proxy.cut()
            await pages.channel.wire.lost()
        await close(pages)

    monkeypatch.setattr(DeadLetterPages, "close", cut_and_close)
    assert await failing.letters(queue) == [letter]
    assert next(cuts, None) is None, "it was not cut"


@pytest.mark.parametrize("replays", [True, False], ids=["replay", "drop"])
@pytest.mark.parametrize("arrives", [True, False], ids=["arrives", "does not arrive"])
async def test_connection_lost_when_a_letter_is_taken_away(
    queue: MessageQueue,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    arrives: bool,
    replays: bool,
) -> None:
    """Whether or not that arrived: it is gone, and the group gets it once where it is replayed."""
    failing, tell, close, cuts = Failing(), Channel.tell, DeadLetterPages.close, iter([1])
    letter = await failing.fail(queue)

    def ack(channel: Channel, command: Frame) -> None:
        if arrives or not isinstance(command, commands.Basic.Ack) or next(cuts, None) is None:
            tell(channel, command)
        else:
            proxy.cut()

    async def close_and_cut(pages: DeadLetterPages) -> None:
        await close(pages)
        if arrives and next(cuts, None) is not None:
            proxy.cut()

    monkeypatch.setattr(Channel, "tell", ack)
    monkeypatch.setattr(DeadLetterPages, "close", close_and_cut)
    if replays:
        await queue.dead_letters.replay(letter)
    else:
        await queue.dead_letters.drop(letter)
    assert next(cuts, None) is None, "it was not cut"
    assert not await failing.letters(queue)
    assert await failing.again(queue) == [1] * replays


@pytest.mark.parametrize("replays", [True, False], ids=["replay", "drop"])
async def test_connection_lost_with_the_acks_of_two_steps(
    queue: MessageQueue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, replays: bool
) -> None:
    """A channel keeps acks to itself while the queue is busy: those letters come again, and count once."""
    clerk, tell, remove = Clerk(), Channel.tell, DeadLetterPages.remove
    steps, keeps = iter([1]), True
    await clerk.reject(queue)

    def keep_acks(channel: Channel, command: Frame) -> None:
        if not (keeps and isinstance(command, commands.Basic.Ack)):
            tell(channel, command)

    def remove_until_cut(pages: DeadLetterPages, contents: Sequence[Content]) -> None:
        nonlocal keeps
        if keeps and next(steps, None) is None:
            keeps = False
            proxy.cut()
        remove(pages, contents)

    monkeypatch.setattr(Channel, "tell", keep_acks)
    monkeypatch.setattr(DeadLetterPages, "remove", remove_until_cut)
    letters = queue.dead_letters
    remove_all = letters.replay_all if replays else letters.drop_all
    assert await remove_all(group=clerk.name) == MANY
    assert not keeps, "it was not cut"
    assert await letters.count(group=clerk.name) == {}
    assert await clerk.take_all(queue) == [*range(MANY)] * replays


@pytest.mark.parametrize("killed", [True, False])
async def test_copies_that_nobody_heard_of(
    queue: MessageQueue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """The group's queue has the copy. Whoever replayed is killed then, or loses the connection."""
    failing, put, cuts = Failing(), dead_letter_removal.put_copies, iter([1])
    letter = await failing.fail(queue)

    async def put_and_lose(channel: Channel, *arguments: Any) -> list[DeadLetter]:
        refused = await put(channel, *arguments)
        if next(cuts, None) is not None:
            proxy.cut()
            raise Killed if killed else ConnectionLost("cut")
        return refused

    monkeypatch.setattr(dead_letter_removal, "put_copies", put_and_lose)
    if killed:
        with pytest.raises(Killed):
            await queue.dead_letters.replay_all(group=failing.group.name)
        assert await failing.letters(queue) == [letter]
    assert await queue.dead_letters.replay_all(group=failing.group.name) == (not killed)
    assert not await failing.letters(queue)
    assert await failing.again(queue) == [1]


async def test_copies_that_the_groups_queue_refuses(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused is replayed again, though it was remembered."""
    failing, put, refusals = Failing(), dead_letter_removal.put_copies, iter([1])
    await failing.fail(queue)

    async def refuse(channel: Channel, name: str, letters: Any) -> list[DeadLetter]:
        if next(refusals, None) is None:
            return await put(channel, name, letters)
        for letter, body in letters:
            copy = Properties(headers={COPY: letter.id})
            channel.publish_live("", replayed_of(name), copy, body, mandatory=False)
        return [letter for letter, _ in letters]

    monkeypatch.setattr(dead_letter_removal, "put_copies", refuse)
    assert await queue.dead_letters.replay_all(group=failing.group.name) == 1
    assert await failing.again(queue) == [1]


async def test_many_that_match_among_others(
    queue: MessageQueue, rabbit_server: RabbitServer
) -> None:
    """A channel does not hand on at once all that is acked on it, one by one."""
    failing = Failing()
    letter, many = await failing.fail(queue), 300
    async with connect(rabbit_server.url) as other:
        transport = cast(RabbitTransport, other.transport)
        claim, bury = (
            RegisteredClaim(letter.group, letter.claimed, "event"),
            transport._dead_letters.bury,
        )
        copies = [replace(letter, reason=f"{number % 2}") for number in range(many)]
        await asyncio.gather(*(bury(claim, copy) for copy in copies))
    assert await queue.dead_letters.replay_all(group=letter.group, reason="1") == many // 2
    assert await queue.dead_letters.count(group=letter.group, reason="1") == {}
    assert await queue.dead_letters.drop_all(group=letter.group, reason="0") == many // 2
    assert await failing.letters(queue) == [letter]
    assert await failing.again(queue) == [1] * (many // 2)


async def test_queue_removed_while_it_is_read(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With letters that have not come yet: they will not."""
    failing, next_page, consume = Failing(), DeadLetterPages._page, Channel.consume
    letter = await failing.fail(queue)
    name = dead_of(queue_of(failing.group.name, failing.event.__subject__))

    async def consume_and_remove(channel: Channel, queue: str, take: Any, **more: Any) -> str:
        def remove(content: Content) -> None:
            take(content)
            if queue == name:
                channel.tell(commands.Queue.Delete(queue=name))

        return await consume(channel, queue, remove, **more)

    async def page_and_more(pages: DeadLetterPages, wanted: int) -> list[Content]:
        return await next_page(pages, wanted + 1)

    monkeypatch.setattr(Channel, "consume", consume_and_remove)
    monkeypatch.setattr(DeadLetterPages, "_page", page_and_more)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await failing.letters(queue) == [letter]
    monkeypatch.undo()
    assert not await failing.letters(queue)


async def test_letters_that_the_server_requeues_late(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a busy one does, after it has closed the channel: whoever reads again sees them all the same."""
    failing, loop = Failing(), asyncio.get_running_loop()
    letter = await failing.fail(queue)

    async def close_later(pages: DeadLetterPages) -> None:
        loop.call_later(0.2, pages.channel.leave)

    monkeypatch.setattr(DeadLetterPages, "close", close_later)
    assert await failing.letters(queue) == [letter]
    await queue.dead_letters.drop(letter)
    assert not await failing.letters(queue)
