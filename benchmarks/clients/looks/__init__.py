"""What a server says of the messages that a client was measured with: a module for each technology."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast
from urllib.parse import urlsplit


class Look(Protocol):
    """At one server."""

    async def stored(self, url: str) -> int:
        """Messages, before any was acked."""

    async def unacked(self, url: str) -> int:
        """Messages that were not acked. RabbitMQ tells of those only that no channel has."""


def look_at(url: str) -> Look:
    """At servers of this kind; only their library is imported."""
    return cast(Look, import_module(f"{__name__}.{urlsplit(url).scheme}"))
