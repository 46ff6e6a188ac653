"""Channels, patterns of channels and sharded channels, and who listens there."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from simulation.servers.redis.replies import Push

if TYPE_CHECKING:
    from simulation.servers.redis.connection import Connection

#: How a command names what its messages begin with.
_KINDS = {b"": b"message", b"P": b"pmessage", b"S": b"smessage"}


class PubSub:
    """What is pushed goes out as replies do."""

    def __init__(self) -> None:
        self._listeners: dict[tuple[bytes, bytes], dict[Connection, None]] = {}

    def subscribe(self, connection: Connection, command: bytes, names: tuple[bytes, ...]) -> None:
        """Also UNSUBSCRIBE; each is confirmed by a push."""
        ends = command.endswith(b"UNSUBSCRIBE")
        kind = _KINDS[command.removesuffix(b"UNSUBSCRIBE" if ends else b"SUBSCRIBE")]
        for name in names:
            listeners = self._listeners.setdefault((kind, name), {})
            if ends:
                listeners.pop(connection, None)
            else:
                listeners[connection] = None
            count = sum(connection in one for one in self._listeners.values())
            connection.send(Push([command.lower(), name, count]))

    def forget(self, connection: Connection) -> None:
        """It is lost."""
        for place, listeners in list(self._listeners.items()):
            listeners.pop(connection, None)
            if not listeners:
                del self._listeners[place]

    def publish(self, channel: bytes, payload: bytes) -> int:
        """To how many it goes."""
        heard = self._push(b"message", channel, Push([b"message", channel, payload]))
        for kind, pattern in list(self._listeners):
            if kind == b"pmessage" and _matches(channel, pattern):
                heard += self._push(kind, pattern, Push([kind, pattern, channel, payload]))
        return heard

    def publish_sharded(self, channel: bytes, payload: bytes) -> int:
        """The same, of a sharded channel."""
        return self._push(b"smessage", channel, Push([b"smessage", channel, payload]))

    def _push(self, kind: bytes, name: bytes, message: Push) -> int:
        listeners = self._listeners.get((kind, name), {})
        for connection in listeners:
            connection.send(message)
        return len(listeners)


def _matches(channel: bytes, pattern: bytes) -> bool:
    return fnmatch.fnmatchcase(channel.decode("latin-1"), pattern.decode("latin-1"))
