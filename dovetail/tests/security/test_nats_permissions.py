"""NATS users with few rights: those of docs/operating.md do, and one that is missing is named at once."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail import (
    Backoff,
    ConfigurationError,
    Group,
    MessageQueue,
    QueueUnavailable,
    Reject,
    Worker,
    connect,
)
from dovetail.testing.conformance.names import Numbered, Order, Question, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer

NewServer = Callable[..., Awaitable[NatsServer]]
DOCS = Path(__file__).parents[3] / "docs" / "nats-users.md"
#: Of the users below, each without one right; and what is then said of it.
LIMITED = """
    { user: mute, password: p, permissions: { publish: ["nothing"], subscribe: ["_INBOX.>"] } }
    { user: deaf, password: p, permissions: { publish: ["events.>"], subscribe: ["nothing"] } }
    { user: idle, password: p, permissions: {
      publish: ["$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*"]
      subscribe: ["_INBOX.>", "dovetail.members", "requests.>"] } }
    { user: hoarder, password: p, permissions: {
      publish: ["$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*", "$JS.API.CONSUMER.MSG.NEXT.*.*"]
      subscribe: ["_INBOX.>", "dovetail.members", "requests.>"] } }
"""


class Made(Numbered, frozen=True, subject="events.shop.made"):
    pass


class Ship(Order, frozen=True, subject="commands.shop.ship"):
    pass


class Load(Order, frozen=True, subject="commands.shop.load"):
    pass


class Ask(Question, frozen=True, subject="requests.shop.ask"):
    pass


class Elsewhere(Numbered, frozen=True, subject="elsewhere.made"):
    pass


def shop(seen: Seen[object]) -> Group:
    """Handles everything; takes a second time what it rejected first."""
    group = Group("shop", retry=Backoff(first=0.05, tries=2))

    @group.on(Made)
    async def made(event: Made) -> Made | None:
        seen.add(event)
        if event.number == 1 and [*seen.items].count(event) == 1:
            raise ValueError("once more")
        if event.number == 2:
            raise Reject("never")
        return Made(10, "caused") if event.number == 3 else None

    @group.on(Ship)
    async def ship(command: Ship) -> None:
        seen.add(command)

    @group.on(Ask)
    async def answer(request: Ask) -> str:
        return "yes"

    return group


@pytest_asyncio.fixture
async def address(new_nats_server: NewServer) -> AsyncIterator[Callable[[str], str]]:
    """Gives each user's address; an administrator has run the worker once."""
    [users] = re.findall(r"```\n(authorization \{.*?)\n\}\n```", DOCS.read_text(), re.DOTALL)
    config = users.rstrip().removesuffix("]").replace("$PASSWORD", "p") + LIMITED + "]\n}"
    server = await new_nats_server(config=config, login="admin:p")
    async with connect(server.url) as queue, Worker(queue, [shop(Seen())]):
        pass
    yield lambda user: server.url.replace("admin:", f"{user}:")


async def test_the_rights_of_the_documentation_do(address: Callable[[str], str]) -> None:
    seen = Seen[object]()
    async with (
        connect(address("publisher")) as publisher,
        connect(address("worker")) as workers,
        connect(address("operator")) as operator,
    ):
        async with Worker(workers, [shop(seen)]):
            for number in range(4):
                await publisher.publish(Made(number))
            await publisher.send(Ship(1))
            await seen.has(7)
            assert await publisher.request(Ask(), timeout=20) == "yes"
            await all_handled(operator, "shop")
            [row, *_] = await operator.groups()
            assert row.running == 1
            [letter] = await operator.dead_letters.list()
            await operator.dead_letters.replay(letter)
            await seen.has(8)
            await all_handled(operator, "shop")
            await operator.ping()
        await operator.rename_group("shop", "store")
        await operator.remove_group("store")
    assert sorted(numbers([one for one in seen.items if isinstance(one, Made)])) == [
        *(0, 1, 1, 2, 2, 3, 10)
    ]


async def test_stream_that_is_missing_and_must_not_be_looked_for(
    address: Callable[[str], str],
) -> None:
    async with connect(address("publisher")) as queue:
        with pytest.raises(QueueUnavailable, match="no stream takes this message"):
            await queue.send(Load(1))


def _publishes(queue: MessageQueue) -> Awaitable[object]:
    return queue.publish(Made(1))


def _sends(queue: MessageQueue) -> Awaitable[object]:
    return queue.send(Ship(1))


def _elsewhere(queue: MessageQueue) -> Awaitable[object]:
    return queue.publish(Elsewhere(1))


def _asks(queue: MessageQueue) -> Awaitable[object]:
    return queue.request(Ask(), timeout=20)


async def _works(queue: MessageQueue) -> None:
    async with Worker(queue, [shop(Seen())]) as worker:
        await worker.wait()


async def _works_anew(queue: MessageQueue) -> None:
    group = Group("another")

    @group.on(Made)
    async def handle(event: Made) -> None: ...

    async with Worker(queue, [group]):
        pass


async def _listens(queue: MessageQueue) -> None:
    async for _ in queue.listen("secrets.>"):
        pass


def _looks(queue: MessageQueue) -> Awaitable[object]:
    return queue.status()


def _renames(queue: MessageQueue) -> Awaitable[object]:
    return queue.rename_group("shop", "store")


@pytest.mark.parametrize(
    ("user", "does", "right"),
    [
        ("mute", _publishes, "publish to 'events.shop.made'"),
        ("mute", _sends, "publish to 'dovetail.command.commands.shop.ship'"),
        ("mute", _asks, "publish to 'requests.shop.ask'"),
        ("deaf", _publishes, "subscribe to '_INBOX."),
        ("publisher", _looks, "publish to '$JS.API."),
        ("publisher", _listens, "subscribe to 'secrets.>'"),
        ("publisher", _elsewhere, "publish to 'elsewhere.made'"),
        ("worker", _renames, "publish to '$JS.API."),
        ("worker", _works_anew, "publish to '$JS.API.CONSUMER.CREATE."),
        ("idle", _works, "publish to '$JS.API.CONSUMER.MSG.NEXT."),
        ("hoarder", _works, "publish to '$JS.ACK."),
    ],
)
async def test_missing_right_is_named_at_once(
    address: Callable[[str], str],
    user: str,
    does: Callable[[MessageQueue], Awaitable[object]],
    right: str,
) -> None:
    if user == "hoarder":
        async with connect(address("admin")) as admin:
            await admin.publish(Made(0))
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        async with connect(address(user)) as queue, asyncio.timeout(20):
            await does(queue)
    assert "ermissions Violation" in str(caught.value)
    assert right in str(caught.value)
    assert time.monotonic() - started < 4
