"""Messages of a claim's queue as deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pamqp.common import FieldTable

from dovetail import clock
from dovetail.codec.identifiers import new_id
from dovetail.delivery import Delivery
from dovetail.transports.rabbitmq.frames import OURS, Content, Properties
from dovetail.transports.rabbitmq.topology import ACQUIRED, ATTEMPT, COPY, DELIVERIES, SUBJECT


class RabbitDelivery(Delivery):
    """Known by its tag on the channel that it came on; the key is the id that it was published under."""

    __slots__ = ("arrived", "content", "size", "tag")

    content: Content
    #: 0 when its channel is gone: then it comes again.
    tag: int
    arrived: float
    #: Bytes of the body.
    size: int

    @property
    def key(self) -> str:
        """The id under which the message was published; one of ours where others gave it none.

        Its copies that are delivered again have that, too.
        """
        properties = self.content.properties
        properties.message_id = properties.message_id or new_id()
        return properties.message_id

    @property
    def identity(self) -> str:
        """As `identity_of` its content."""
        return identity_of(self.content)


def identity_of(content: Content) -> str:
    """What stays the same when the server delivers this very copy again; empty where nothing does."""
    properties = content.properties
    if not properties.message_id:
        return ""
    return f"{properties.message_id} {_text((properties.headers or {}).get(COPY, ''))}"


def delivery_of(content: Content, claimed: str) -> RabbitDelivery:
    """The delivery that a message stands for."""
    table = content.headers
    if table is None:  # as nearly all are
        delivery = RabbitDelivery(claimed, content.body)
        if content.exchange:
            delivery.subject = content.key
    else:
        subject = table.get(SUBJECT) or (content.key if content.exchange else claimed)
        attempt = max(1, _number(table, ATTEMPT))
        unsettled = max(_number(table, DELIVERIES), _number(table, ACQUIRED))
        headers = headers_of(content)
        delivery = RabbitDelivery(str(subject), content.body, headers, attempt, unsettled)
    delivery.content, delivery.tag, delivery.size = content, content.tag, len(content.body)
    content.body = b""  # the delivery has it
    return delivery


def published(content: Content) -> float:
    """When a message was published, in seconds of Unix time; 0 where it does not say so."""
    time_stamp = content.properties.timestamp
    return time_stamp.timestamp() if time_stamp else 0.0


def foreign_headers(content: Content) -> dict[str, str]:
    """The headers that are not ours or the server's, as text: not all that comes can be sent as it was."""
    return {
        name: _text(value)
        for name, value in (content.headers or {}).items()
        if not name.startswith((OURS, "x-"))
    }


def copied(content: Content, ours: FieldTable) -> Properties:
    """The properties of a copy that is put into a queue by name, with these of our headers."""
    properties, headers = content.properties, {**foreign_headers(content), **ours}
    return Properties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=headers or None,
        delivery_mode=2,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
    )


def headers_of(content: Content) -> dict[str, str] | None:
    """The headers that are not ours or the server's, as text, with the content type."""
    headers = foreign_headers(content)
    if headers and (kind := content.properties.content_type):
        headers["content-type"] = kind
    return headers or None


def again(
    delivery: RabbitDelivery, attempt: int, rest: Mapping[str, int], claimed: str
) -> Properties:
    """The properties of a copy that is delivered again; `rest` says what it has to wait then."""
    ours: FieldTable = {**rest, COPY: clock.token()}
    if attempt > 1:
        ours[ATTEMPT] = attempt
    if delivery.subject != claimed:
        ours[SUBJECT] = delivery.subject
    properties = copied(delivery.content, ours)
    properties.message_id = delivery.key
    return properties


def _number(table: dict[str, Any] | None, name: str) -> int:
    value = (table or {}).get(name, 0)
    return value if isinstance(value, int) else 0


def _text(value: Any) -> str:
    """As CloudEvents has it, where AMQP has a type of its own."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
