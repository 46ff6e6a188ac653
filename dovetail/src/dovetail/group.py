"""Groups: named sets of identical handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Unpack

from dovetail.checks.arguments import check
from dovetail.checks.rules import shown, whole, yes_or_no
from dovetail.checks.signature import signature_of
from dovetail.codec.subjects import check_name, check_pattern
from dovetail.context import Context
from dovetail.errors import ConfigurationError
from dovetail.group_options import GroupArguments, GroupOptions
from dovetail.limits import MOST_BATCH
from dovetail.message import Command, Event, Message, Request, message_class, subject_of

__all__ = ["Context", "Group", "GroupOptions", "Handler"]

log = logging.getLogger("dovetail.worker")

HandlerFunction = TypeVar("HandlerFunction", bound=Callable[..., Any])
Kind = Literal["event", "command", "request"]


@dataclass(frozen=True)
class Handler:
    """One function of a group and what it takes."""

    function: Callable[..., Any]
    #: What errors and logs call the function.
    name: str
    subject: str
    kind: Kind
    #: None for a function that takes whatever matches its pattern, as `Received`.
    message_type: type[Message] | None
    #: Messages in one call at most; 0 for a function that takes them one by one.
    batch: int
    wants_context: bool
    #: For requests: every member of the group answers, not one of them.
    every_member: bool
    #: A plain function, which would hold up the event loop.
    blocking: bool


class Group:
    """A named set of identical handlers, run by any number of workers.

    Every group gets its own copy of every event; inside a group each message goes to one member.
    Options are those of `dovetail.group_options.GroupArguments`, as in
    `Group("save-handler", retry=Backoff(tries=5), lease=30)`; ConfigurationError says what is wrong with one.
    """

    def __init__(self, name: str, **options: Unpack[GroupArguments]) -> None:
        self.name = check_name(name, "group")
        self.options = GroupOptions.of(self.name, options)
        self.handlers: list[Handler] = []

    def __repr__(self) -> str:
        return f"Group({self.name!r})"

    def on(
        self,
        message: type[Message] | str,
        *,
        batch: int = 0,
        every_member: bool = False,
    ) -> Callable[[HandlerFunction], HandlerFunction]:
        """Register a function for a type of message, or for events by a subject pattern.

        Also a bound method, a functools.partial, or an object with `__call__`. It takes the message and, if
        it has a second parameter annotated with Context, that. With `batch=n` it takes a list of 1 to n
        messages; what it returns is then None or a list with one entry for each, in order: a message, a list
        of messages, or None. A function that takes them one by one returns a message, a list of messages, or
        None. A batch handler that raises must have done nothing: it is called again with halves, until what
        fails is alone. For a Request, what is returned is the answer.

        ConfigurationError where the function could never be called like that.
        """
        call = f"Group({self.name!r}).on"
        check(call, "batch", batch, whole(0, MOST_BATCH))
        check(call, "every_member", every_member, yes_or_no)
        message_type = None if isinstance(message, str) else message_class(message, call)
        subject = check_pattern(message) if isinstance(message, str) else subject_of(message)
        kind = _kind(message_type)
        if kind == "request" and batch:
            raise ConfigurationError("a request is answered one by one: leave out `batch`")
        if kind != "request" and every_member:
            raise ConfigurationError(
                f"{call}: every_member is for requests; of a message that is not asked for an answer "
                "every group has its copy, so give those who are to have it groups of their own"
            )

        def register(function: HandlerFunction) -> HandlerFunction:
            self._check_free(subject)
            signature = signature_of(function, message_type, batch=bool(batch))
            self.handlers.append(
                Handler(
                    function=function,
                    name=signature.name,
                    subject=subject,
                    kind=kind,
                    message_type=message_type,
                    batch=batch,
                    wants_context=signature.wants_context,
                    every_member=every_member,
                    blocking=signature.blocking,
                )
            )
            return function

        return register

    def _check_free(self, subject: str) -> None:
        if any(handler.subject == subject for handler in self.handlers):
            raise ConfigurationError(
                f"the group {self.name!r} already has a handler for {subject!r}; two that must both run "
                "are two groups"
            )


def check_groups(groups: Any) -> list[Group]:
    """The groups of one worker; ConfigurationError where they cannot be run together."""
    if isinstance(groups, Group) or not isinstance(groups, Sequence):
        raise ConfigurationError(f"a worker takes a list of groups, not {shown(groups)}")
    for group in groups:
        if not isinstance(group, Group):
            hint = " (call the function that makes it)" if callable(group) else ""
            raise ConfigurationError(f"a worker takes groups, not {shown(group)}{hint}")
    for index, group in enumerate(groups):
        if not group.handlers:
            log.warning(
                "%s has no handlers; is the module imported that registers them?", group.name
            )
        for other in groups[:index]:
            if other is group:
                raise ConfigurationError(
                    f"{group!r} is given to one worker twice; for more calls at once there is "
                    f"Group({group.name!r}, concurrency=…)"
                )
            if other.name == group.name:
                raise ConfigurationError(
                    f"two groups of one worker are called {group.name!r} and would take messages from "
                    "each other: register all handlers on one Group, or use two names"
                )
    return list(groups)


def _kind(message: type[Message] | None) -> Kind:
    if message is None or issubclass(message, Event):
        return "event"
    if issubclass(message, Command):
        return "command"
    if issubclass(message, Request):
        return "request"
    raise ConfigurationError(f"{message.__name__} is no Event, Command or Request")
