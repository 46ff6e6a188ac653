"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect, new_id
from dovetail.testing.servers import NatsServer

APP = """
import asyncio, os, signal, sys
from dovetail import Backoff, Command, Event, Group, Request

class Greet(Request[str], frozen=True, subject="requests.greet"):
    name: str

class Roll(Request[int], frozen=True, subject="requests.roll"):
    pass

class Silence(Request[int], frozen=True, subject="requests.silence"):
    pass

class Import(Command, frozen=True, subject="commands.import"):
    path: str

class Item(Event, frozen=True, subject="events.item"):
    text: str

group = Group("clerk", retry=Backoff(first=0.01, tries=2), lease=2)

@group.on(Greet)
async def greet(request: Greet) -> str:
    if request.name == "nobody":
        raise ValueError("nobody has no name\\nat all")
    return f"hello {request.name}"

@group.on(Roll, every_member=True)
async def roll(request: Roll) -> int:
    return os.getpid()

@group.on(Silence)
async def silence(request: Silence) -> int:
    await asyncio.sleep(60)
    return 0

@group.on(Import)
async def imports(command: Import) -> None:
    print("importing", command.path, flush=True)

@group.on(Item)
async def item(event: Item) -> None:
    print("took", event.text, "in", os.getpid(), flush=True)
    if "bad" in event.text:
        raise ValueError(f"cannot take {event.text!r}")
    if "slow" in event.text:
        await asyncio.sleep(1)
    if "stuck" in event.text:
        await asyncio.sleep(600)
    print("done", event.text, flush=True)

other = Group("other")
pair = [group, other]
nothing = []
number = 5

def make(): return group
async def make_later(): return pair
def needs(store): return group
def breaks(): raise RuntimeError("no database")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with a module `clerks` that has groups."""
    (tmp_path / "clerks.py").write_text(APP)
    (tmp_path / "broken.py").write_text("import nosuchthing\n")
    (tmp_path / "failing.py").write_text("x = 1\nx / 0\n")
    (tmp_path / "untidy.py").write_text("def (:\n")
    (tmp_path / "wrong.py").write_text("from dovetail import Group\n\nx = Group('x', retry=2)\n")
    return tmp_path


@pytest.fixture
def subject() -> str:
    """A subject that no other test uses."""
    return f"events.cli.{new_id()}"


@pytest_asyncio.fixture
async def server(new_nats_server: Callable[[], Awaitable[NatsServer]]) -> NatsServer:
    """The test's own server."""
    return await new_nats_server()


@pytest_asyncio.fixture
async def queue(server: NatsServer) -> AsyncIterator[MessageQueue]:
    """The test's own server, connected."""
    async with connect(server.url) as connected:
        yield connected
