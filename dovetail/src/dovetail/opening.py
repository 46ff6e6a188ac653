"""`connect`: a queue by its address."""

from __future__ import annotations

from typing import Unpack

from dovetail.errors import ConfigurationError
from dovetail.network.server_address import Secret
from dovetail.observing.traced_queue import TracedQueue
from dovetail.options import ConnectArguments, QueueOptions
from dovetail.queue import MessageQueue
from dovetail.transports.registry import make_transport


def connect(url: str, **options: Unpack[ConnectArguments]) -> MessageQueue:
    """A queue by its address: `async with connect("nats://localhost:4222") as queue`.

    Addresses: `nats://`, `redis://` and `amqp://` (RabbitMQ), over TLS `tls://`, `rediss://` and `amqps://`;
    `embedded:` (a NATS server of our own below `./data`, or `embedded:/some/folder`; with `?sync=always` it
    loses nothing with the power); `memory://name`.
    That of a server may be `user:password@host:port,host:port`, where `/ ? # @` in user and password are
    written %2F %3F %23 %40. After it come Redis's database or RabbitMQ's vhost, as `/name`, and parameters:
    `?ca=&cert=&key=` name PEM files for TLS, `?credentials=` or `?nkey=` a file with the keys for NATS.

    Options are those of `dovetail.options.ConnectArguments`. Raises ConfigurationError at once for a wrong
    address or option; entering the context raises QueueUnavailable.
    """
    settings = QueueOptions.of(options)
    if not isinstance(url, str):
        raise ConfigurationError(  # it may hold a secret, so it is not shown
            f"{settings.setting} is of the type {type(url).__name__}; it is a text, "
            "as in 'nats://localhost:4222'",
            setting=settings.setting,
        )
    url = Secret(url)  # in tracebacks that show variables
    kind = MessageQueue if settings.tracer is None else TracedQueue
    return kind(make_transport(url, settings), settings)
