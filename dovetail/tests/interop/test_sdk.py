"""The official CloudEvents SDK, over each technology, both ways.

It has no binding for NATS and Redis: there its HTTP headers are the message's headers, or its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import amqp, http, rabbitmq
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from dovetail import Group, MessageQueue, Received, Worker
from dovetail.testing.conformance.base import adding_to
from dovetail.testing.conformance.names import fresh, fresh_subject, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled

from .foreign import Foreign, Message

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
AT = datetime(2030, 1, 31, 18, 0, 0, 123000, tzinfo=UTC)
TEXTS = ["plain", "naïve ☃ 🎉", 'a "quoted"\ttext', "50% off %41", "", "a=b; c: d"]
JSON = JSONFormat()

Writes = Callable[[BaseCloudEvent], Message]


def _http_structured(event: BaseCloudEvent) -> Message:
    written = http.to_structured(event, JSON)
    return Message(written.body, written.headers)


def _http_binary(event: BaseCloudEvent) -> Message:
    written = http.to_binary(event, JSON)
    return Message(written.body, written.headers)


def _rabbitmq_structured(event: BaseCloudEvent) -> Message:
    written = rabbitmq.to_structured(event, JSON)
    return Message(written.body, {**written.headers, "content-type": written.content_type})


def _rabbitmq_binary(event: BaseCloudEvent) -> Message:
    written = rabbitmq.to_binary(event, JSON)
    return Message(written.body, {**written.headers, "content-type": written.content_type})


def _amqp_structured(event: BaseCloudEvent) -> Message:
    written = amqp.to_structured(event, JSON)
    return Message(
        written.application_data, {**written.application_properties, **written.properties}
    )


def _amqp_binary(event: BaseCloudEvent) -> Message:
    written = amqp.to_binary(event, JSON)
    return Message(
        written.application_data, {**written.application_properties, **written.properties}
    )


each_writer = pytest.mark.parametrize(
    ("technology", "writes"),
    [
        ("nats", _http_structured),
        ("nats", _http_binary),
        ("redis", _http_structured),
        ("redis", _http_binary),
        ("rabbit", _rabbitmq_structured),
        ("rabbit", _rabbitmq_binary),
        ("rabbit", _amqp_structured),
        ("rabbit", _amqp_binary),
    ],
    indirect=["technology"],
)


def _read(message: Message, technology: str) -> BaseCloudEvent:
    if technology == "rabbit":
        headers = dict(message.headers)
        content_type = headers.pop("content-type")
        return rabbitmq.from_rabbitmq(
            rabbitmq.RabbitMQMessage(headers, content_type, message.body), JSON
        )
    return http.from_structured(http.HTTPMessage(dict(message.headers), message.body), JSON)


async def test_it_reads_what_we_write(
    queue: MessageQueue, foreign: Foreign, technology: str
) -> None:
    event, now = numbered(), datetime.now(UTC)
    async with foreign.reading(event.__subject__) as read:
        ids = [
            await queue.publish(event(number, text), id=fresh("é"))
            for number, text in enumerate(TEXTS)
        ]
        found = [_read(message, technology) for message in await read(len(TEXTS))]
    assert [one.get_data() for one in found] == [
        {"number": number, "text": text} for number, text in enumerate(TEXTS)
    ]
    assert [one.get_id() for one in found] == ids
    for one in found:
        assert (one.get_source(), one.get_type()) == ("/dovetail", event.__subject__)
        at = one.get_time()
        assert at is not None
        assert abs((at - now).total_seconds()) < 60


@each_writer
async def test_we_read_what_it_writes(
    queue: MessageQueue, foreign: Foreign, writes: Writes
) -> None:
    subject, group, seen = fresh_subject(), Group(fresh("group")), Seen[Received]()
    group.on(subject)(adding_to(seen))  # type: ignore[type-var]
    async with Worker(queue, [group]):
        for number, text in enumerate(TEXTS):
            event = _event(f"id-{number} é", {"text": text}, traceparent=TRACEPARENT, mine=7)
            await foreign.store(subject, writes(event))
        await seen.has(len(TEXTS))
        await all_handled(queue, group.name)
    assert [one.data for one in seen.items] == [{"text": text} for text in TEXTS]
    assert [one.id for one in seen.items] == [f"id-{number} é" for number in range(len(TEXTS))]
    for one in seen.items:
        assert (one.source, one.type, one.time) == ("/sdk?a=b", "org.example.thing", AT)
        assert one.traceparent == TRACEPARENT


@each_writer
async def test_data_that_is_no_json(queue: MessageQueue, foreign: Foreign, writes: Writes) -> None:
    subject, group, seen = fresh_subject(), Group(fresh("group")), Seen[Received]()
    group.on(subject)(adding_to(seen))  # type: ignore[type-var]
    image = b"\x89PNG\r\n\x1a\n\x00\xff"
    async with Worker(queue, [group]):
        await foreign.store(subject, writes(_event("1", image, datacontenttype="image/png")))
        [came] = await seen.has(1)
    assert (came.data, came.id) == (image, "1")


def _event(id: str, data: Any, **more: Any) -> CloudEvent:
    attributes = {
        "id": id,
        "source": "/sdk?a=b",
        "type": "org.example.thing",
        "time": AT,
        "datacontenttype": "application/json",
        **more,
    }
    return CloudEvent(attributes=attributes, data=data)
