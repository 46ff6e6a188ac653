"""What the parts of the server need of those above them."""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from simulation.servers.nats.store import Store


class Sender(Protocol):
    """The server, as streams and consumers see it."""

    random: Random
    disk_seconds: tuple[float, float]

    def deliver(self, to: str, subject: str, reply: str, headers: bytes, payload: bytes) -> bool:
        """Send it to who subscribed to `to`, as a message on `subject`; gives whether there is anybody."""

    def answer(self, reply: str, payload: bytes, headers: bytes = b"") -> None:
        """Answer a request; nothing happens where nobody wants to know."""

    def answer_json(self, reply: str, answer: dict[str, Any]) -> None:
        """The same in JSON."""

    def is_heard(self, subject: str) -> bool:
        """Whether anybody subscribed to this."""


class Source(Protocol):
    """The stream, as its consumers see it."""

    name: str
    store: Store

    def acked(self, sequence: int) -> None:
        """A message was handled."""

    def forget(self, consumer: str) -> None:
        """A consumer has ended."""
