"""What programs of others do on the same server; the files beside this do it by each technology's client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from dovetail.testing.conformance.waiting import Seen


@dataclass(frozen=True)
class Message:
    """What the technology carries. AMQP's property for the content type is a header `content-type` here."""

    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)


#: Waits for so many messages.
Read = Callable[[int], Awaitable[list[Message]]]


class Foreign(Protocol):
    """Another program; nothing of ours is called."""

    async def store(self, subject: str, message: Message) -> None:
        """Put a message where durable events are; return when the server has it."""

    def reading(self, subject: str) -> AbstractAsyncContextManager[Read]:
        """What is stored on a subject from when the context is entered."""

    async def tell(self, subject: str, body: bytes) -> None:
        """Publish live."""

    def hearing(self, subject: str) -> AbstractAsyncContextManager[Seen[bytes]]:
        """Bodies of live and durable events from when the context is entered."""
