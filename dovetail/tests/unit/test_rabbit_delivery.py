"""How often a message was delivered on RabbitMQ and neither acked nor failed, by what the server says."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from dovetail.transports.rabbitmq.delivery import delivery_of
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.handshake import numbers_of


@pytest.mark.parametrize(
    ("headers", "unsettled"),
    [
        ({"x-delivery-count": 3}, 3),
        ({"x-acquired-count": 3}, 3),  # from 4.3 on the other counts failures alone
        ({"x-acquired-count": 3, "x-delivery-count": 1}, 3),
        ({"traceparent": "00-ab-cd-01"}, 0),
    ],
)
def test_deliveries_without_ack_or_failure(headers: Any, unsettled: int) -> None:
    content = Content(1, False, "", "queue")
    content.described(ContentHeader(0, 0, Basic.Properties(headers=headers)).marshal())
    assert delivery_of(content, "events.a").unsettled == unsettled


def test_versions() -> None:
    assert numbers_of("3.10.8") < (4, 3) <= numbers_of("4.3.0-rc.1") < numbers_of("4.10.0")
