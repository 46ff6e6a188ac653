"""What nobody stores: live events, and requests with their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from dovetail.codec.envelope import Received, received
from dovetail.codec.subjects import matches

#: Takes a request, and what its answer is given to.
Asked = Callable[[tuple[bytes, Callable[[bytes], None]]], None]


class Live:
    """Who listens, and who answers."""

    def __init__(self) -> None:
        self.listeners: dict[int, tuple[str, Callable[[Received], None]]] = {}
        self.servers: dict[int, tuple[str, str | None, Asked]] = {}
        self._number = count(1)

    def listen(self, pattern: str, callback: Callable[[Received], None]) -> int:
        """Call back for what comes on these subjects; gives what ends it in `listeners`."""
        number = next(self._number)
        self.listeners[number] = pattern, callback
        return number

    def serve(self, subject: str, group: str | None, asked: Asked) -> int:
        """Answer requests; gives what ends it in `servers`."""
        number = next(self._number)
        self.servers[number] = subject, group, asked
        return number

    def broadcast(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """To whoever listens now."""
        for pattern, callback in list(self.listeners.values()):
            if matches(pattern, subject):
                callback(received(subject, body, headers))

    def asked(self, subject: str) -> list[Asked]:
        """Who is to answer: one member of each group, and everyone without a group."""
        chosen: dict[object, Asked] = {}
        for number, (served, group, asked) in self.servers.items():
            if served == subject:
                chosen[group or number] = asked
        return list(chosen.values())
