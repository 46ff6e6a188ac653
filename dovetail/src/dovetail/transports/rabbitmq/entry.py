"""Messages of a claim's queue as deliveries."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pamqp.common import FieldTable

from dovetail.delivery import Delivery
from dovetail.identifiers import new_id
from dovetail.transports.rabbitmq.frames import OURS, Content, Properties
from dovetail.transports.rabbitmq.layout import ATTEMPT, COPY, DELIVERIES, SUBJECT


class RabbitDelivery(Delivery):
    """Known by its tag on the channel that it came on; the key is the id that it was published under."""

    __slots__ = ("arrived", "content", "settling", "size", "tag")

    content: Content
    #: 0 when its channel is gone: then it comes again.
    tag: int
    arrived: float
    size: int
    #: Whether somebody has begun to settle it.
    settling: bool

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

    @property
    def deliveries(self) -> int:
        """How often it was delivered before."""
        return _number(self.content.headers, DELIVERIES)


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
        attempt, lost = _number(table, ATTEMPT) or 1, _number(table, DELIVERIES)
        delivery = RabbitDelivery(
            str(subject), content.body, headers_of(content), max(1, attempt), lost
        )
    delivery.content, delivery.tag = content, content.tag
    delivery.size, delivery.settling = len(content.body), False
    content.body = b""  # the delivery has it
    return delivery


def theirs(content: Content) -> dict[str, str]:
    """The headers that are not ours or the server's, as text: not all that comes can be sent as it was."""
    return {
        name: _text(value)
        for name, value in (content.headers or {}).items()
        if not name.startswith((OURS, "x-"))
    }


def copied(content: Content, ours: FieldTable) -> Properties:
    """The properties of a copy that is put into a queue by name, with these of our headers."""
    properties, headers = content.properties, {**theirs(content), **ours}
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
    headers = theirs(content)
    if headers and (kind := content.properties.content_type):
        headers["content-type"] = kind
    return headers or None


def again(
    delivery: RabbitDelivery, *, attempt: int, rest: Mapping[str, int], claimed: str = ""
) -> Properties:
    """The properties of a copy that is delivered again; `rest` says what it has to wait then."""
    properties = delivery.content.properties
    headers: FieldTable = {**theirs(delivery.content), **rest}
    headers[COPY] = secrets.token_hex(8)
    if attempt > 1:
        headers[ATTEMPT] = attempt
    if delivery.subject != claimed:
        headers[SUBJECT] = delivery.subject
    return Properties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=headers,
        delivery_mode=2,
        message_id=delivery.key,
        timestamp=properties.timestamp,
    )


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
