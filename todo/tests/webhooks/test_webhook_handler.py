"""The webhook-handler: what receivers get, and what becomes of what they do not take."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat

from dovetail import Backoff, DeadLetter, MessageQueue, Received, Worker, connect, new_id
from todo.events import ItemRemoved, ItemSaved, NewItem
from todo.handlers.webhook_handler import retry_after, webhook_handlers
from todo.items import Item
from todo.webhooks.cloud_event import structured
from todo.webhooks.settings import Target, WebhookHandlerSettings

from .receiver import PATIENCE_SECONDS, Receiver, plainly, receiving

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
KEY = b"0123456789abcdef01234567"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def item(text: str = "buy milk") -> Item:
    return Item(new_id(), text, NOON)


class Watch(logging.Handler):
    """Hears what workers log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._more = asyncio.Event()
        self._log = logging.getLogger("dovetail.worker")

    def __enter__(self) -> Watch:
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
        self._more.set()

    async def said(self, text: str) -> str:
        """Wait for a line with this text."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := [line for line in self._lines if text in line]):
                self._more.clear()
                await self._more.wait()
        return found[0]


@asynccontextmanager
async def sending(
    queue: MessageQueue, *targets: Target, tries: int = 3, private: bool = True
) -> AsyncIterator[None]:
    """The webhook-handler, which does not wait long between attempts."""
    settings = WebhookHandlerSettings(targets, private_addresses=private, timeout=1, tries=tries)
    groups = webhook_handlers(settings)
    for group in groups:
        quick = Backoff(first=0.01, most=0.02, tries=tries)
        group.options = dataclasses.replace(group.options, retry=quick)
    async with Worker(queue, groups):
        yield


async def _letters(queue: MessageQueue, count: int) -> Sequence[DeadLetter]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found := await queue.dead_letters.list()) < count:  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.01)
    return found


async def test_each_event_comes_as_a_cloud_event(queue_url: str, receiver: Receiver) -> None:
    one, change = item("Bücher ☃"), new_id()
    removed = ItemRemoved(id=one.id, change=change)
    async with (
        connect(queue_url, source="todo/test") as queue,
        sending(queue, Target(receiver.url)),
    ):
        await queue.publish(NewItem(one), id=one.id)
        await queue.publish(removed, id=change)
        got = await receiver.number(2)
    for request in got:
        assert request.line == "POST /hook?token=hidden HTTP/1.1"
        assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    events = [
        http.from_structured(http.HTTPMessage(dict(one.headers), one.body), JSONFormat())
        for one in sorted(got, key=lambda one: one.body)
    ]
    found = {event.get_id(): event for event in events}
    assert found[one.id].get_type() == "events.todo.newitem"
    assert found[one.id].get_source() == "todo/test"
    assert found[one.id].get_data() == msgspec.to_builtins(NewItem(one))
    assert found[change].get_type() == "events.todo.item.removed"
    assert found[change].get_data() == msgspec.to_builtins(removed)


async def test_requests_are_signed_as_standard_webhooks_has_it(
    queue: MessageQueue, receiver: Receiver
) -> None:
    target = Target(receiver.url, secret=SECRET, authorization="Bearer abc")
    async with sending(queue, target):
        await queue.publish(NewItem(item()), id="id. with / ünd")
        (got,) = await receiver.number(1)
    assert got.headers["authorization"] == "Bearer abc"
    sent_id, stamp = got.headers["webhook-id"], got.headers["webhook-timestamp"]
    assert sent_id == "id%2E%20with%20/%20%C3%BCnd"
    assert abs(int(stamp) - datetime.now(UTC).timestamp()) < 60
    signed = hmac.new(KEY, f"{sent_id}.{stamp}.".encode() + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


async def test_only_the_subjects_that_are_wanted_are_sent(
    queue: MessageQueue, receiver: Receiver
) -> None:
    target = Target(receiver.url, subjects=("events.todo.itemsaved", "events.todo.item.removed"))
    async with sending(queue, target):
        await queue.publish(NewItem(item()))
        await queue.publish(ItemSaved(item()), id="saved")
        await queue.publish(ItemRemoved(id="a", change="b"), id="removed")
        got = await receiver.number(2)
    assert {msgspec.json.decode(one.body)["id"] for one in got} == {"saved", "removed"}


@pytest.mark.parametrize(
    ("start", "expected"), [("new", {"after"}), ("first", {"before", "after"})]
)
async def test_what_was_there_before_is_sent_only_where_that_is_wanted(
    queue: MessageQueue, receiver: Receiver, start: str, expected: set[str]
) -> None:
    target = msgspec.convert({"url": receiver.url, "start": start}, Target)
    await queue.publish(NewItem(item()), id="before")
    async with sending(queue, target):
        await queue.publish(NewItem(item()), id="after")
        got = await receiver.number(len(expected))
    # Several are sent at once, in whatever order.
    assert {msgspec.json.decode(one.body)["id"] for one in got} == expected


@pytest.mark.parametrize("status", [500, 503, 404, 429, 302])
async def test_what_fails_is_sent_again(
    queue: MessageQueue, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda number: plainly(status if number < 2 else 200, "Location: /x\r\n")
    async with sending(queue, Target(receiver.url)):
        await queue.publish(NewItem(item()), id="one")
        got = await receiver.number(3)
    assert len({one.body for one in got}) == 1
    assert await queue.dead_letters.list() == []


async def test_what_fails_too_often_becomes_a_dead_letter_without_secrets(
    queue: MessageQueue, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: plainly(500, body=b"inner secrets")
    target = Target(receiver.url, secret=SECRET, authorization="Bearer abc")
    async with sending(queue, target):
        await queue.publish(NewItem(item()), id="one")
        (letter,) = await _letters(queue, 1)
    assert letter.group == "webhook-handler"
    assert letter.attempts == 3
    place = f"http://127.0.0.1:{receiver.port}/…"
    assert letter.reason == f"Retry: {place} answered 500 Internal Server Error"
    for text in (caplog.text, letter.reason, letter.traceback, repr(target)):
        for hidden in ("hidden", "/hook", "whsec", "Bearer", "inner secrets"):
            assert hidden not in text


@pytest.mark.parametrize("status", [400, 410, 413, 415, 422])
async def test_what_is_refused_for_good_is_not_sent_again(
    queue: MessageQueue, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda _: plainly(status)
    async with sending(queue, Target(receiver.url)):
        await queue.publish(NewItem(item()))
        (letter,) = await _letters(queue, 1)
    assert letter.attempts == 1
    assert f"answered {status}" in letter.reason
    assert len(receiver.got) == 1


async def test_silence_counts_as_a_failure(queue: MessageQueue, receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    async with sending(queue, Target(receiver.url), tries=1):
        await queue.publish(NewItem(item()))
        (letter,) = await _letters(queue, 1)
    assert letter.reason.endswith("took longer than 1 s")


async def test_a_receiver_that_is_away_uses_up_no_attempt(queue: MessageQueue) -> None:
    async with receiving() as gone:
        target = Target(gone.url)
    with Watch() as watch:
        async with sending(queue, target, tries=1):
            await queue.publish(NewItem(item()), id="one")
            assert "cannot be reached" in await watch.said("webhook-handler pauses")
            async with receiving(port=gone.port) as back:
                (got,) = await back.number(1)
    assert msgspec.json.decode(got.body)["id"] == "one"
    assert await queue.dead_letters.list() == []


async def test_private_addresses_get_nothing_unless_allowed(
    queue: MessageQueue, receiver: Receiver
) -> None:
    target = Target(f"https://localhost:{receiver.port}/hook")
    with Watch() as watch:
        async with sending(queue, target, private=False):
            await queue.publish(NewItem(item()))
            line = await watch.said("webhook-handler pauses")
    assert "a private address; where that is meant, set TODO_WEBHOOK_HANDLER__PRIVATE" in line
    assert receiver.got == []


async def test_one_target_does_not_wait_for_another(
    queue: MessageQueue, receiver: Receiver
) -> None:
    async with receiving() as silent:
        silent.answer = lambda _: None
        targets = Target(silent.url, "silent"), Target(receiver.url, "quick")
        async with sending(queue, *targets, tries=1):
            for number in range(20):
                await queue.publish(NewItem(item()), id=f"n{number}")
            await receiver.number(20)
            assert len(silent.got) <= 4
            assert {one.group for one in (await queue.status()).groups} == {
                "webhook-handler-silent",
                "webhook-handler-quick",
            }


def test_what_is_no_cloud_event_is_not_sent() -> None:
    assert structured(Received(subject="events.a", body=b"\xff", data=b"\xff")) is None


def test_what_came_in_binary_mode_is_sent_in_structured_mode() -> None:
    came = Received(
        subject="events.a", body=b"[1]", data=[1], id="i", type="t", source="s", time=NOON
    )
    found = structured(came)
    assert found is not None
    assert msgspec.json.decode(found) == {
        "specversion": "1.0",
        "id": "i",
        "source": "s",
        "type": "t",
        "time": "2026-01-02T12:00:00Z",
        "data": [1],
    }
    bytes_only = structured(msgspec.structs.replace(came, body=b"\xff", data=b"\xff"))
    assert bytes_only is not None
    assert msgspec.json.decode(bytes_only)["data_base64"] == "/w=="


def test_when_a_receiver_wants_to_be_asked_again() -> None:
    assert retry_after("7") == 7
    assert retry_after("999999999") == 3600
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60)))
    assert soon is not None
    assert 55 < soon <= 60
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(seconds=60))) == 0
    for nonsense in ("", "-1", "soon", "1e9", "٣", "Fri, 31 Nov 2026 00:00:00 GMT"):
        assert retry_after(nonsense) is None
