"""What becomes of a handled message."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dovetail import Command, Event, Group
from dovetail.codec.envelope import Envelope
from dovetail.codec.error_text import describe
from dovetail.delivery import Outgoing
from dovetail.group import Handler
from dovetail.running.failures import failure_of
from dovetail.running.outgoing import outgoing_of


class Effect(Event, frozen=True, subject="events.effect"):
    number: int


class Do(Command, frozen=True, subject="commands.do"):
    number: int


async def handle(message: Any) -> None: ...


def a_handler() -> Handler:
    group = Group("group")
    group.on("events.cause")(handle)
    return group.handlers[0]


def cause(result: Any, *, id: str = "id-1") -> list[Outgoing]:
    envelope = Envelope(specversion="1.0", id=id, source="s", type="t", traceparent="trace", data=0)
    return outgoing_of(result, envelope, id, a_handler(), ("group", "source"))


def test_nothing() -> None:
    assert cause(None) == cause([]) == []


def test_ids_are_the_same_each_time_and_differ_from_each_other() -> None:
    first, again = cause([Effect(1), Do(2), Effect(1)]), cause((Effect(1), Do(2), Effect(1)))
    assert [one.id for one in first] == [one.id for one in again]
    assert len({one.id for one in first}) == 3
    assert cause(Effect(1))[0].id == first[0].id
    assert cause(Effect(1), id="id-2")[0].id != first[0].id


def test_what_is_published() -> None:
    event, command = cause([Effect(1), Do(2)])
    assert (event.kind, event.subject) == ("event", "events.effect")
    assert (command.kind, command.subject) == ("command", "commands.do")
    envelope = msgspec.json.decode(event.body)
    assert envelope["id"] == event.id
    assert (envelope["source"], envelope["traceparent"]) == ("source", "trace")
    assert envelope["data"] == {"number": 1}


@pytest.mark.parametrize("wrong", ["text", 0, {}, [Effect(1), None], object()])
def test_what_is_no_message(wrong: Any) -> None:
    with pytest.raises(
        TypeError, match=r"handle returned .*; a handler returns Events, Commands or None"
    ):
        cause(wrong)


def test_errors_on_one_line() -> None:
    assert describe(ValueError("two\n  lines\tand more ")) == "ValueError: two lines and more"
    assert describe(KeyError()) == "KeyError"


def test_errors_with_texts_that_cannot_be_written() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert describe(Broken()) == "Broken: (its text cannot be read)"
    assert describe(OSError("no file a\udcff")) == "OSError: no file a\\udcff"


async def test_cancelled_by_itself_or_by_us() -> None:
    async def wait(inner: bool) -> Exception:
        forever = asyncio.ensure_future(asyncio.Event().wait())
        if inner:
            forever.cancel()
        try:
            await forever
        except asyncio.CancelledError as error:
            return failure_of(error)
        raise AssertionError("not reached")

    failure = await wait(inner=True)
    assert "waited for something that was cancelled" in str(failure)
    task = asyncio.create_task(wait(inner=False))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    error = ValueError("as it is")
    assert failure_of(error) is error


async def test_cancelled_by_us_is_no_failure_whatever_the_handler_makes_of_it() -> None:
    async def wait() -> Exception:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return failure_of(OSError("the connection was closed"))
        raise AssertionError("not reached")

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
