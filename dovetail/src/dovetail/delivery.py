"""What passes between the library's core and a transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dovetail.codec.envelope import received


class Delivery:
    """A message that one member of a group has in flight. Transports add what they know it by."""

    __slots__ = ("attempt", "body", "headers", "subject", "unsettled")

    def __init__(
        self,
        subject: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        attempt: int = 1,
        unsettled: int = 0,
    ) -> None:
        self.subject = subject
        self.body = body
        #: Header fields of the technology, or None.
        self.headers = headers
        #: 1 at first, one more for each failed attempt.
        self.attempt = attempt
        #: Deliveries that ended without ack or failure: the worker was killed, or the queue was.
        self.unsettled = unsettled

    @property
    def key(self) -> str:
        """What stays the same when the message is delivered again; transports override it."""
        raise NotImplementedError

    @property
    def message_id(self) -> str:
        """The id under which it was published, for logs; the key where its bytes carry none."""
        return received(self.subject, self.body, self.headers).id or self.key


@dataclass(slots=True)  # not frozen: that makes it three times as slow to make
class Outgoing:
    """An encoded message on its way to the queue's store."""

    kind: Literal["event", "command"]
    subject: str
    body: bytes
    id: str


@dataclass(frozen=True)
class Claim:
    """What one member of a group asks for."""

    group: str
    #: A subject, or a pattern for events.
    subject: str
    kind: Literal["event", "command"]
    start: Literal["first", "new"]
    #: Seconds.
    lease: float
    #: Messages held at most, fetched and waiting.
    prefetch: int
