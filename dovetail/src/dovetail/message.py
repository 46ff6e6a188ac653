"""The three kinds of message: an Event happened, a Command is to be done, a Request wants an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args

import msgspec

from dovetail.errors import ConfigurationError
from dovetail.subjects import check_subject

Answer = TypeVar("Answer")


class MessageType(msgspec.StructMeta):
    """Takes the wire name from the class statement: `class NewItem(Event, subject="events.new")`."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        *,
        subject: str | None = None,
        **config: Any,
    ) -> MessageType:
        """Check the subject while the class is made, so that a typing error shows at import."""
        cls = super().__new__(mcs, name, bases, namespace, **config)
        if subject is not None:
            cls.__subject__ = check_subject(subject)  # type: ignore[attr-defined]
        return cls


class Message(msgspec.Struct, frozen=True, metaclass=MessageType):
    """What travels. Use Event, Command or Request."""

    __subject__: ClassVar[str] = ""

    if TYPE_CHECKING:

        def __init_subclass__(
            cls,
            *,
            subject: str = ...,
            frozen: bool = ...,
            kw_only: bool = ...,
            **config: Any,
        ) -> None: ...


class Event(Message, frozen=True):
    """Something happened. Every group that listens gets its own copy."""


class Command(Message, frozen=True):
    """Do this. Exactly one group does."""


class Request(Message, Generic[Answer], frozen=True):
    """Answer this: `class CountItems(Request[int], subject="requests.count")`."""


def subject_of(message: type[Message] | Message) -> str:
    """The subject of a message or of its class; ConfigurationError where the class has none."""
    if subject := message.__subject__:
        return subject
    name = message.__name__ if isinstance(message, type) else type(message).__name__
    raise ConfigurationError(
        f"{name} has no subject: write `class {name}(Event, subject='events.…')`"
    )


def answer_type(request: type[Request[Any]]) -> Any:
    """The type that answers a request: `int` for a class made from `Request[int]`."""
    for cls in request.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            if getattr(base, "__origin__", None) is Request:
                (answer,) = get_args(base)
                return Any if isinstance(answer, TypeVar) else answer
    return Any
