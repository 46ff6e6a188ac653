"""RabbitMQ: quorum queues for what is to be handled, streams for what is kept, exchanges for what is live.

RabbitMQ 3.10 or later, in AMQP 0-9-1.
"""

from __future__ import annotations

from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.transport import RabbitTransport


def from_url(url: str, options: QueueOptions) -> RabbitTransport:
    """A transport for `amqp://` or `amqps://` (TLS), not opened yet."""
    return RabbitTransport(parse_address(url, options.setting), options)
