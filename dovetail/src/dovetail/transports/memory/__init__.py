"""A queue in this process's memory, with all the semantics of a durable one except that it ends with it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from dovetail.errors import ConfigurationError
from dovetail.options import QueueOptions, in_address
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.transport import MemoryTransport

#: Queues by name, so that everything in this process that names one shares it while it is open.
_stores: dict[str, Store] = {}


def from_url(url: str, options: QueueOptions) -> MemoryTransport:
    """A transport for `memory://name`; one without a name is shared with nobody."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        parameters = parse_qs(parts.query, keep_blank_values=True)
        raise ConfigurationError(
            f"{options.setting} has more than a name, as in memory://name{in_address(parameters)}",
            setting=options.setting,
        )
    name = parts.netloc + parts.path
    return MemoryTransport(_stores, name, options)
