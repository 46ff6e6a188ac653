"""What a worker tells those who watch it: `Worker(queue, groups, observers=[…])`.

Two observers come with the library: `dovetail.metrics.Metrics` and `dovetail.tracing.Tracing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dovetail.group import Context

#: Calls of handlers that take longer are told one by one.
LONG_SECONDS = 0.001


@dataclass(slots=True)
class Settled:
    """What became of messages of one group and subject since the observer was told last."""

    #: Handled, with what they caused on the queue's store, and acked; or requests that were answered.
    handled: int = 0
    #: Attempts that failed: each was retried or buried, or comes again when its lease ends. Or requests whose
    #: handler raised. A pause for a dependency that is down is none.
    failed: int = 0
    #: Failed, and given back to the queue for another attempt.
    retried: int = 0
    #: Failed for good: put with the dead letters.
    dead: int = 0
    #: Messages that handlers returned, and the queue has.
    published: int = 0
    #: Calls of the handler that ended meanwhile, failed ones included. That of a batch handler is one.
    calls: int = 0
    #: How long they took together, with the decoding of what they were given, in seconds.
    seconds: float = 0.0
    #: How long each of those took that took longer than LONG_SECONDS.
    long: list[float] = field(default_factory=list)


class Observer:
    """Inherit, and override what you want to know; the rest does nothing.

    Called by the worker in its event loop, between messages: return at once, and do not wait for anything.
    What you raise is logged, once for each kind of error, and hurts no message. One object may observe
    several workers. `subject` is what the handler was registered for: a subject or a pattern.
    """

    def joined(self, group: str, subject: str) -> None:
        """A worker takes messages of this group and subject from now on."""

    def left(self, group: str, subject: str) -> None:
        """It does not take any more. Called once for each `joined`."""

    def in_hand(self, group: str, subject: str, change: int) -> None:
        """So many more messages, or fewer, are with a handler, or wait in this process for their turn."""

    def settled(self, group: str, subject: str, what: Settled) -> None:
        """Called after each ack, which may be of many messages, each retry and each burial."""


class Span(Protocol):
    """One step on a message's way."""

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context that goes with what is published within this step."""

    def end(self, error: BaseException | None = None) -> None:
        """It is over, and this went wrong. Called once."""


class Tracer(Observer):
    """An observer that follows each message; a worker has one at most, and so has a queue.

    Also `connect(url, tracer=…)`, for what is published outside of handlers. It costs every message
    something: without one, none of this is called.
    """

    def publish(self, kind: str, subject: str, id: str, parent: str | None = None) -> Span:
        """A message is published; what it carries is the span's traceparent.

        `kind` is "event", "command" or "request"; `parent` is the context of the handling that caused it.
        None for what runs now in this task.
        """
        raise NotImplementedError

    def process(self, contexts: Sequence[Context]) -> AbstractContextManager[Sequence[Span]]:
        """A handler is called with these messages, inside the context. Gives a span for each of them.

        They end with the context. What the handler raised passes through it, and is to go on.
        """
        raise NotImplementedError

    def settle(
        self,
        group: str,
        subject: str,
        outcome: Literal["ack", "retry", "bury"],
        parents: Sequence[str],
    ) -> Span:
        """Messages are settled that were processed in these contexts."""
        raise NotImplementedError
