"""A queue in this process's memory, with all the semantics of a durable one except that it ends with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from dovetail.options import QueueOptions
from dovetail.transports.memory.store import Store
from dovetail.transports.memory.transport import MemoryTransport

#: Queues by name, so that everything in this process that names one shares it while it is open.
_stores: dict[str, Store] = {}


def from_url(url: str, options: QueueOptions) -> MemoryTransport:
    """A transport for `memory://name`; one without a name is shared with nobody."""
    parts = urlsplit(url)
    name = parts.netloc + parts.path
    return MemoryTransport(_stores, name, options)
