"""NATS JetStream, and the embedded server that speaks it."""

from __future__ import annotations

from dovetail.options import QueueOptions
from dovetail.transports.nats.address import parse_address
from dovetail.transports.nats.transport import NatsTransport


def from_url(url: str, options: QueueOptions) -> NatsTransport:
    """A transport for `nats://` or `tls://`, not opened yet."""
    return NatsTransport(parse_address(url, options.setting), options)
