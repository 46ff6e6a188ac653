"""What a RabbitMQ server sends, recorded and generated, for the protocol that takes it apart."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.protocol import AmqpProtocol

NAME = "rabbitmq"
#: The channel that is open; what comes for others is left out.
CHANNEL = 1


class _Log:
    """As connection and as channel: writes down what it is told of."""

    def __init__(self, log: list[Any]) -> None:
        self._log = log

    def said(self, command: Any) -> None:
        self._log.append(("said", command.name, _values(command)))

    def delivered(self, consumer: str, content: Content) -> None:
        self._log.append(("delivered", consumer, *_of(content)))

    def returned(self, content: Content) -> None:
        self._log.append(("returned", *_of(content)))

    def confirmed(self, number: int, multiple: bool, *, refused: bool) -> None:
        self._log.append(("confirmed", number, multiple, refused))

    def replied(self, command: Any) -> None:
        self._log.append(("replied", command.name, _values(command)))


def _values(command: Any) -> str:
    return repr(sorted(dict(command).items()))


def _of(content: Content) -> tuple[Any, ...]:
    properties = content.properties
    return (
        content.tag,
        content.redelivered,
        content.exchange,
        content.key,
        repr(content.headers),
        repr([(name, getattr(properties, name)) for name in sorted(properties.__slots__)]),
        content.body,
    )


def new(log: list[Any]) -> Callable[[bytes], None]:
    """Takes what comes; what it means is appended to the log."""
    told = _Log(log)
    protocol = AmqpProtocol(told)
    protocol.attach(CHANNEL, told)
    return protocol.feed


def _sent(*what: Frame | ContentHeader | ContentBody | Heartbeat, channel: int = CHANNEL) -> bytes:
    return b"".join(
        frame.marshal(one, 0 if isinstance(one, Heartbeat) else channel) for one in what
    )


def _message(
    first: Frame, body: bytes, properties: commands.Basic.Properties, cut: int = 0
) -> bytes:
    parts = [body[:cut], body[cut:]] if cut else [body]
    return _sent(
        first,
        ContentHeader(0, len(body), properties),
        *(ContentBody(one) for one in parts if one),
    )


#: Recorded from RabbitMQ 3.10.8: from the first byte to where publishing and consuming begin.
_START = (
    b"\x01\x00\x00\x00\x00\x01\xf8\x00\n\x00\n\x00\t\x00\x00\x01\xd3\x0ccapabilitiesF\x00\x00\x00\xc7"
    b"\x12publisher_confirmst\x01\x1aexchange_exchange_bindingst\x01\nbasic.nackt\x01"
    b"\x16consumer_cancel_notifyt\x01\x12connection.blockedt\x01\x13consumer_prioritiest\x01"
    b"\x1cauthentication_failure_closet\x01\x10per_consumer_qost\x01\x0fdirect_reply_tot\x01"
    b"\x0ccluster_nameS\x00\x00\x00\x11dovetail-18200@vm"
    b"\tcopyrightS\x00\x00\x007Copyright (c) 2007-2022 VMware, Inc. or its affiliates."
    b"\x0binformationS\x00\x00\x009Licensed under the MPL 2.0. Website: https://rabbitmq.com"
    b"\x08platformS\x00\x00\x00\x11Erlang/OTP 25.2.3\x07productS\x00\x00\x00\x08RabbitMQ"
    b"\x07versionS\x00\x00\x00\x063.10.8\x00\x00\x00\x0eAMQPLAIN PLAIN\x00\x00\x00\x05en_US\xce"
)
_TUNE = b"\x01\x00\x00\x00\x00\x00\x0c\x00\n\x00\x1e\x07\xff\x00\x02\x00\x00\x00<\xce"
_OPEN_OK = b"\x01\x00\x00\x00\x00\x00\x05\x00\n\x00)\x00\xce"
GREETING = _START + _TUNE + _OPEN_OK
_REFUSED = (
    b"\x01\x00\x01\x00\x00\x00\x99\x00\x14\x00(\x01\x96\x8ePRECONDITION_FAILED - inequivalent arg "
    b"'x-initial-cluster-size' for queue 'dovetail.history' in vhost 'three': received '5' but current "
    b"is '3'\x002\x00\n\xce"
)
_EVENT = b'{"specversion":"1.0","id":"1","type":"a"}'
#: The rest is encoded by pamqp.
STREAMS = [
    GREETING
    + _sent(commands.Channel.OpenOk(), commands.Confirm.SelectOk())
    + _sent(commands.Basic.Ack(1, False), commands.Basic.Ack(7, True))
    + _sent(Heartbeat())
    + _sent(commands.Basic.Nack(8, False, False)),
    GREETING
    + _sent(commands.Channel.OpenOk(), commands.Basic.ConsumeOk("0-7f"))
    + _message(
        commands.Basic.Deliver("0-7f", 1, False, "dovetail.events", "events.todo.newitem"),
        _EVENT,
        commands.Basic.Properties(
            content_type="application/cloudevents+json",
            delivery_mode=2,
            message_id="0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000",
            timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        ),
    )
    + _message(
        commands.Basic.Deliver("0-7f", 2, True, "", "dovetail.g:events.todo.newitem"),
        _EVENT,
        commands.Basic.Properties(
            headers={"dovetail-attempt": 2, "x-delivery-count": 1, "traceparent": "00-ab-cd-01"},
            message_id="2",
        ),
        cut=5,
    )
    + _message(commands.Basic.Deliver("0-7f", 3, False, "", "q"), b"", commands.Basic.Properties()),
    GREETING
    + _message(
        commands.Basic.Return(312, "NO_ROUTE", "", "dovetail.ping"),
        b"",
        commands.Basic.Properties(message_id="ping"),
    )
    + _sent(commands.Basic.Ack(1, False), commands.Basic.Cancel("0-7f", True)),
    GREETING
    + _sent(commands.Connection.Blocked("low on disk"), channel=0)
    + _sent(commands.Connection.Unblocked(), channel=0)
    + _REFUSED,
    GREETING
    + _sent(commands.Connection.Close(320, "CONNECTION_FORCED - shutdown", 0, 0), channel=0)
    + b"nothing counts after that",
    GREETING + _sent(commands.Connection.CloseOk(), channel=0),
    _START + _sent(commands.Connection.Close(403, "ACCESS_REFUSED", 0, 0), channel=0),
]

_names = strategies.text(max_size=20)
_tags = strategies.integers(min_value=0, max_value=2**63 - 1)
_values_of_headers = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(min_value=-(2**63), max_value=2**63 - 1)
    | strategies.text(max_size=20),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(strategies.text(min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_properties = strategies.builds(
    commands.Basic.Properties,
    content_type=strategies.none() | strategies.just("text/plain"),
    headers=strategies.none()
    | strategies.dictionaries(
        strategies.text(min_size=1, max_size=8), _values_of_headers, min_size=1, max_size=3
    ),
    message_id=strategies.none() | strategies.text(min_size=1, max_size=20),
    timestamp=strategies.none()
    | strategies.datetimes(
        min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - made aware below
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=strategies.just(UTC),
    ),
)
_delivered = strategies.builds(
    lambda consumer, tag, again, exchange, key, body, properties, cut: _message(
        commands.Basic.Deliver(consumer, tag, again, exchange, key), body, properties, cut
    ),
    _names,
    _tags,
    strategies.booleans(),
    strategies.just("dovetail.events"),
    _names,
    strategies.binary(max_size=200),
    _properties,
    strategies.integers(min_value=0, max_value=199),
)
_confirmed = strategies.builds(
    lambda tag, multiple, refused: _sent(
        commands.Basic.Nack(tag, multiple, False) if refused else commands.Basic.Ack(tag, multiple)
    ),
    _tags,
    strategies.booleans(),
    strategies.booleans(),
)
_other = strategies.sampled_from(
    [
        _sent(Heartbeat()),
        _sent(commands.Queue.DeclareOk("q", 3, 1)),
        _sent(commands.Connection.Blocked("low on memory"), channel=0),
        _sent(commands.Connection.Unblocked(), channel=0),
        _sent(commands.Basic.QosOk(), channel=CHANNEL + 1),
        struct.pack(">BHI", 3, CHANNEL + 2, 2) + b"xx\xce",
    ]
)


def streams() -> strategies.SearchStrategy[bytes]:
    """A greeting, and what may follow it."""
    parts = strategies.lists(_delivered | _confirmed | _other, max_size=8)
    return parts.map(lambda those: GREETING + b"".join(those))
