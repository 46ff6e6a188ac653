"""NATS users with few rights: those of docs/operating.md do, and one that is missing is named at once."""

from __future__ import annotations

import asyncio
import logging
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
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats.topology import EVENTS

NewServer = Callable[..., Awaitable[NatsServer]]
DOCS = Path(__file__).parents[3] / "docs" / "nats-users.md"
#: Of the users below, each without one right; and what is then said of it.
LIMITED = """
    { user: once, password: p, permissions: {
      publish: [
        "$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*", "$JS.API.CONSUMER.MSG.NEXT.*.*", "$JS.ACK.>"
        "dovetail.attempts.>", "dovetail.dead.>", "events.shop.>"
      ]
      subscribe: ["_INBOX.>", "dovetail.members", "requests.>"] } }
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


def users_and(more: str) -> str:
    """Those of the documentation, and these."""
    found = re.search(r"```\n(authorization \{.*?)\n\}\n```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    return found[1].rstrip().removesuffix("]").replace("$PASSWORD", "p") + more + "]\n}"


@pytest_asyncio.fixture
async def address(new_nats_server: NewServer) -> AsyncIterator[Callable[[str], str]]:
    """Gives each user's address; an administrator has run the worker once."""
    server = await new_nats_server(config=users_and(LIMITED), login="admin:p")
    async with connect(server.url) as queue, Worker(queue, [shop(Seen())]):
        pass
    yield lambda user: server.url.replace("admin:", f"{user}:")


@pytest.mark.parametrize("user", ["worker", "once"])
async def test_a_stream_that_was_rolled_back_goes_on_or_the_missing_right_is_said(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, user: str
) -> None:
    """`once` is a worker without the rights that are for this only."""
    caplog.set_level(logging.ERROR, "dovetail.nats")
    server = await new_nats_server(config=users_and(LIMITED), login="admin:p")
    seen = Seen[object]()

    async def said() -> bool:
        return f"since {EVENTS} was put back is to be published again" in caplog.text

    async def named() -> bool:
        return "publish to '$JS.API.CONSUMER.LIST.dovetail-events'" in caplog.text

    async with connect(server.url) as queue, Worker(queue, [shop(Seen())]):
        pass
    async with (
        connect(server.url) as admin,
        connect(server.url.replace("admin:", f"{user}:")) as workers,
        Worker(workers, [shop(seen)]),
    ):
        for number in range(20, 40):
            await admin.publish(Made(number))
        await all_handled(admin, "shop")
        await server.stop()
        [block] = server.folder.glob(f"jetstream/*/streams/{EVENTS}/msgs/*.blk")
        with block.open("r+b") as file:
            file.seek(block.stat().st_size // 2)
            file.write(b"\xa5" * 64)
        await server.start()
        if user == "once":
            await until(named, "it names the right")
            return
        await until(said, "it says that the stream goes on")
        for number in range(40, 60):
            await admin.publish(Made(number))
        await all_handled(admin, "shop")
    made = numbers([one for one in seen.items if isinstance(one, Made)])
    assert sorted(made) == [*range(20, 60)]


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
