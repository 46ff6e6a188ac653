"""Groups: named sets of identical handlers."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from dovetail.errors import ConfigurationError
from dovetail.identifiers import unique_key
from dovetail.message import Command, Event, Message, Request, subject_of
from dovetail.retry import Backoff
from dovetail.subjects import check_name, check_pattern

HandlerFunction = TypeVar("HandlerFunction", bound=Callable[..., Awaitable[Any]])
Kind = Literal["event", "command", "request"]


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


@dataclass(frozen=True)
class GroupOptions:
    """How a group takes its messages. Times are in seconds."""

    #: Pauses between attempts, and how many there are.
    retry: Backoff = field(default_factory=Backoff)
    #: "first" also takes what was published before the group existed, "new" only what comes after.
    start: Literal["first", "new"] = "first"
    #: A member that says nothing for so long is taken for dead. Running handlers renew it.
    lease: float = 15.0
    #: Handler calls at once in one worker. 1 keeps the order of messages, but for those that come again.
    concurrency: int = 1
    #: Messages that one worker holds at most, in hand and waiting.
    prefetch: int = 1000
    #: A handler that takes longer is cancelled, and the attempt counts as failed.
    timeout: float | None = None
    #: Errors that mean "a dependency is down": they pause the group as NotReady does.
    not_ready: tuple[type[Exception], ...] | Callable[[Exception], bool] = ()

    def __post_init__(self) -> None:
        if self.lease < 1 or self.concurrency < 1 or self.prefetch < 1:
            raise ConfigurationError("a group needs lease >= 1, concurrency >= 1 and prefetch >= 1")

    def is_not_ready(self, error: Exception) -> bool:
        """Whether this error says that a dependency is down."""
        if isinstance(self.not_ready, tuple):
            return isinstance(error, self.not_ready)
        return self.not_ready(error)


@dataclass(frozen=True)
class Handler:
    """One function of a group and what it takes."""

    function: Callable[..., Awaitable[Any]]
    subject: str
    kind: Kind
    #: None for a function that takes whatever matches its pattern, as `Received`.
    message_type: type[Message] | None
    #: Messages in one call at most; 0 for a function that takes them one by one.
    batch: int
    wants_context: bool
    #: For requests: every member of the group answers, not one of them.
    every_member: bool


class Group:
    """A named set of identical handlers, run by any number of workers.

    Every group gets its own copy of every event; inside a group each message goes to one member.
    Options are those of GroupOptions: `Group("save-handler", retry=Backoff(tries=5), lease=30)`.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = check_name(name, "group")
        self.options = GroupOptions(**options)
        self.handlers: list[Handler] = []

    def on(
        self,
        message: type[Message] | str,
        *,
        batch: int = 0,
        every_member: bool = False,
    ) -> Callable[[HandlerFunction], HandlerFunction]:
        """Register an async function for a type of message, or for events by a subject pattern.

        With `batch=n` it takes a list of 1 to n messages; what it returns is then None or a list with
        one entry for each, in order: a message, a list of messages, or None. A function that takes
        them one by one returns a message, a list of messages, or None. A batch handler that raises
        must have done nothing: it is called again with halves, until what fails is alone.
        For a Request, what is returned is the answer.
        """

        def register(function: HandlerFunction) -> HandlerFunction:
            self._add(function, message, batch, every_member)
            return function

        return register

    def _add(
        self,
        function: Callable[..., Awaitable[Any]],
        message: type[Message] | str,
        batch: int,
        every: bool,
    ) -> None:
        if not inspect.iscoroutinefunction(function):
            raise ConfigurationError(f"{function!r} is not an async function")
        subject = check_pattern(message) if isinstance(message, str) else subject_of(message)
        if any(handler.subject == subject for handler in self.handlers):
            raise ConfigurationError(
                f"the group {self.name!r} already has a handler for {subject!r}; two that must both run "
                "are two groups"
            )
        kind = _kind(message)
        if kind == "request" and batch:
            raise ConfigurationError("a request is answered one by one: leave out `batch`")
        self.handlers.append(
            Handler(
                function=function,
                subject=subject,
                kind=kind,
                message_type=None if isinstance(message, str) else message,
                batch=batch,
                wants_context=_wants_context(function),
                every_member=every,
            )
        )


def _kind(message: type[Message] | str) -> Kind:
    if isinstance(message, str) or issubclass(message, Event):
        return "event"
    if issubclass(message, Command):
        return "command"
    if issubclass(message, Request):
        return "request"
    raise ConfigurationError(f"{message.__name__} is no Event, Command or Request")


def _wants_context(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) not in (1, 2):
        raise ConfigurationError(
            f"{function.__qualname__} takes {len(parameters)} parameters; a handler takes the message and, "
            "if it likes, its Context"
        )
    return len(parameters) == 2
