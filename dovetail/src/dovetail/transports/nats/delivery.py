"""A message as JetStream delivers it."""

from __future__ import annotations

from dovetail.delivery import Delivery
from dovetail.transports.nats.attempts import AttemptCount
from dovetail.transports.nats.headers import parse_headers

#: How a header block begins that we have written, and what it says next of a command.
_WITH_ID, _STREAM = b"NATS/1.0\r\nNats-Msg-Id:", b"\r\nNats-Expected-Stream:"
#: Of a message that comes for the first time.
NO_COUNT = AttemptCount()


class NatsDelivery(Delivery):
    """Known by its sequence in the stream; settled by publishing to its reply subject."""

    __slots__ = ("arrived", "count", "reply", "sequence")

    def __init__(
        self, subject: bytes, reply: bytes, sequence: bytes, headers: bytes | None, body: bytes
    ) -> None:
        # All messages pass here, so Delivery's own is not called.
        self.subject = subject.decode("utf-8", "replace")  # other clients may use any bytes
        self.body = body
        self.headers = (
            None
            if not headers or (headers.count(b"\r\n") == 3 and headers.startswith(_WITH_ID))
            else _fields(headers)
        )
        self.attempt = 1
        self.unsettled = 0
        self.reply = reply
        self.sequence = sequence
        self.count = NO_COUNT
        self.arrived = 0.0

    @property
    def key(self) -> str:
        """The sequence in the stream, and when it was stored: a stream made anew begins again at 1."""
        return f"{self.sequence.decode()}-{stored_at(self.reply).decode()}"


def stored_at(reply: bytes) -> bytes:
    """When the message was stored, from its reply subject."""
    words = reply.split(b".")
    return words[7] if len(words) == 9 else words[9]


def _fields(headers: bytes) -> dict[str, str] | None:
    """None where there is but the message's id, and the stream that it is in, which we do not need."""
    lines = headers.count(b"\r\n")
    is_ours = lines == 4 and headers.startswith(_WITH_ID) and _STREAM in headers
    return None if is_ours else parse_headers(headers)
