"""What a handler may ask about its message."""

from __future__ import annotations

from dataclasses import dataclass

from dovetail.codec.identifiers import unique_key


@dataclass(frozen=True)
class Context:
    """What a handler may ask about the message: annotate its second parameter with `Context`.

    A batch handler asks for `list[Context]`. `attempt` is 1 at first. `id` and `source` are those of
    CloudEvents: two sources may use the same id, unless it is a UUID.
    """

    id: str
    subject: str
    group: str
    attempt: int
    traceparent: str | None = None
    source: str = ""

    @property
    def key(self) -> str:
        """What no other message has: the id, with its source unless it is a UUID."""
        return unique_key(self.id, self.source)
