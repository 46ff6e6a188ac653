"""Redis Streams for what is kept, Redis Pub/Sub for what is live. Redis 7.0 or later."""

from __future__ import annotations

from dovetail.options import QueueOptions
from dovetail.transport import Transport
from dovetail.transports.redis.address import parse_address
from dovetail.transports.redis.transport import RedisTransport


def from_url(url: str, options: QueueOptions) -> Transport:
    """A transport for `redis://`, `rediss://` (TLS) or either with `+sentinel`, not opened yet."""
    return RedisTransport(parse_address(url, options.setting), options)
