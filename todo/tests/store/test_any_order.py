"""Whatever order messages of items come in, however often, and to whichever handler: the outcome is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dovetail import Received, new_id
from dovetail.testing.servers import PostgresServer
from todo.events import (
    ANY_CHANGE,
    Change,
    ChangeSaved,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemRemoved,
    ItemReopened,
    ItemRestored,
    ItemSaved,
    ItemTagged,
    NewItem,
)
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.merge import merged, superseded, value_of
from todo.settings import SaveHandlerSettings
from todo.store import open_store

pytestmark = pytest.mark.usefixtures("patient")

Result = TypeVar("Result")
Message = NewItem | Change

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
#: Processes that save.
HANDLERS = 3

change_ids = st.builds(
    "019b7e94-32{:02x}-7000-8000-{:012x}".format, st.integers(0, 3), st.integers(0, 2)
)
texts = st.sampled_from(["a", "b", "Bücher 📚"])


def _changes(kind: type[Change], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
    seen = st.one_of(st.just(""), change_ids)
    return st.builds(kind, id=st.sampled_from("01"), change=change_ids, seen=seen, **fields)


items = st.builds(
    Item,
    id=st.sampled_from("01"),
    item=texts,
    date_added=st.just(NOON),
    due=st.sampled_from([None, "2026-12-03"]),
    notes=st.sampled_from(["", "n"]),
)
changes = st.one_of(
    _changes(ItemCompleted),
    _changes(ItemReopened),
    _changes(ItemEdited, item=texts),
    _changes(ItemDue, due=st.sampled_from([None, "2026-12-04", "2026-12-03T18:30:00+01:00"])),
    _changes(ItemTagged, tags=st.sampled_from([(), ("home",), ("work", "早")])),
    _changes(ItemNoted, notes=st.sampled_from(["", "two\nlines"])),
    _changes(ItemMoved, position=st.sampled_from(["", "h", "k3"])),
    _changes(ItemRemoved),
    _changes(ItemRestored),
)


@dataclass(frozen=True)
class Deliveries:
    """What each handler gets, in batches; all of it together is everything, and more than once."""

    messages: Sequence[Message]
    to_handlers: Sequence[Sequence[Sequence[Message]]]


@st.composite
def deliveries(draw: st.DrawFn) -> Deliveries:
    new = draw(st.lists(items, max_size=2, unique_by=lambda item: item.id))
    changed = draw(st.lists(changes, min_size=1, max_size=8))
    messages: list[Message] = [*map(NewItem, new), *changed]
    owners = draw(st.lists(st.integers(0, HANDLERS - 1), min_size=len(messages), max_size=99))
    to_handlers = []
    for handler in range(HANDLERS):
        own = [
            message for message, owner in zip(messages, owners, strict=False) if owner == handler
        ]
        again = draw(st.lists(st.sampled_from(messages), max_size=3))
        to_handlers.append(_batches(draw, draw(st.permutations([*own, *again]))))
    return Deliveries(messages, to_handlers)


def _batches(draw: st.DrawFn, messages: Sequence[Message]) -> list[list[Message]]:
    """As a handler gets them: of one kind, in groups of any size."""
    batches: list[list[Message]] = []
    for message in messages:
        last = batches[-1] if batches else []
        alike = last and isinstance(last[0], NewItem) == isinstance(message, NewItem)
        if alike and draw(st.booleans()):
            last.append(message)
        else:
            batches.append([message])
    return batches


class Saving:
    """Several save-handlers on one database, and a loop for them that outlives an example."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self.stores = [open_store(url) for _ in range(HANDLERS)]
        groups = [save_handler(store, SaveHandlerSettings()) for store in self.stores]
        self._functions = [
            {handler.subject: handler.function for handler in group.handlers} for group in groups
        ]
        self.run(self.stores[0].prepare())

    def run(self, work: Awaitable[Result]) -> Result:
        async def waited() -> Result:
            async with asyncio.timeout(30):
                return await work

        return self._runner.run(waited())

    async def deliver(self, number: int, batches: Sequence[Sequence[Message]]) -> list[Any]:
        """To this handler; what it returned for the last batch of all, and so on."""
        told: list[Any] = []
        for batch in batches:
            told += await self._function(number, batch[0])(list(map(_delivered, batch)))
        return told

    def _function(self, number: int, message: Message) -> Callable[[list[Any]], Awaitable[Any]]:
        subject = NewItem.__subject__ if isinstance(message, NewItem) else ANY_CHANGE
        function: Callable[[list[Any]], Awaitable[Any]] = self._functions[number][subject]
        return function

    def close(self) -> None:
        for store in self.stores:
            self.run(store.close())


def _delivered(message: Message) -> NewItem | Received:
    if isinstance(message, NewItem):
        return message
    data = msgspec.json.decode(msgspec.json.encode(message))
    return Received(subject=message.__subject__, body=b"", data=data, id=message.change)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def saving(request: pytest.FixtureRequest) -> Iterator[Saving]:
    # In memory, as far as there is such a folder: a disk would take most of the time.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with TemporaryDirectory(dir=memory) as folder, asyncio.Runner() as runner:
        if request.param == "sqlite":
            url = f"sqlite:///{folder}/todo.db"
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = runner.run(server.create_database("any_order"))
        saving = Saving(runner, url)
        yield saving
        saving.close()


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(given=deliveries())
def test_any_order_has_the_same_outcome(saving: Saving, given: Deliveries) -> None:
    ids = {name: new_id() for name in "01"}
    messages = [_renamed(message, ids) for message in given.messages]
    to_handlers = [
        [[_renamed(message, ids) for message in batch] for batch in batches]
        for batches in given.to_handlers
    ]
    told = saving.run(_together(saving, to_handlers))
    store = saving.stores[0]
    for item_id in ids.values():
        expected = _expected(item_id, messages)
        assert _bare(saving.run(store.get(item_id))) == expected
        history = saving.run(store.history(item_id))
        own = _distinct(messages, item_id)
        assert {one.change for one in history if one.superseded} == superseded(own)
        if expected is not None:
            assert max(one.change for one in history if one.current) == expected.version
    everyone = {one.change for one in messages if isinstance(one, Change)}
    assert {change for one in told for change in _changes_of(one)} == everyone


async def _together(saving: Saving, to_handlers: list[list[list[Message]]]) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(saving.deliver(number, batches))
            for number, batches in enumerate(to_handlers)
        ]
    return [one for task in tasks for one in task.result() if one is not None]


def _changes_of(told: ItemSaved | ChangeSaved) -> Sequence[str]:
    return told.changes if isinstance(told, ChangeSaved) else ()


def _renamed(message: Message, ids: dict[str, str]) -> Message:
    if isinstance(message, NewItem):
        return NewItem(msgspec.structs.replace(message.item, id=ids[message.item.id]))
    return msgspec.structs.replace(message, id=ids[message.id])


def _expected(item_id: str, messages: Sequence[Message]) -> Item | None:
    added = [one.item for one in messages if isinstance(one, NewItem) and one.item.id == item_id]
    return merged(added[0] if added else None, _distinct(messages, item_id))


def _distinct(messages: Sequence[Message], item_id: str) -> list[Change]:
    """The changes of an item; of several of one kind with one id the one with the greatest value."""
    own = [one for one in messages if isinstance(one, Change) and one.id == item_id]
    return list(
        {
            (one.change, one.__subject__): one
            for one in sorted(own, key=lambda one: (msgspec.json.encode(value_of(one)), one.seen))
        }.values()
    )


def _bare(item: Item | None) -> Item | None:
    return item and msgspec.structs.replace(item, date_saved=None)
