"""The three kinds of message: an Event happened, a Command is to be done, a Request wants an answer."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
)

import msgspec

from dovetail.checks.rules import shown
from dovetail.codec.subjects import check_subject
from dovetail.errors import ConfigurationError

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


# As msgspec has it, but frozen: what inherits from a frozen struct is, and need not say so.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
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
    kind = message if isinstance(message, type) else type(message)
    base = next((one for one in (Command, Request) if issubclass(kind, one)), Event)
    name, example = kind.__name__, "Shipped" if kind is base else kind.__name__
    raise ConfigurationError(
        f"{name} has no subject: write "
        f"`class {example}({base.__name__}, subject='{base.__name__.lower()}s.…')`"
    )


def message_class(given: Any, call: str) -> type[Message]:
    """The class itself, where it is one of messages; ConfigurationError says what to write instead."""
    if _is_class(given):
        found: type[Message] = given
        return found
    if isinstance(given, Message):
        raise ConfigurationError(f"{call} takes the class, {type(given).__name__}, not a message")
    inside = [_name(one) for one in get_args(given) or _listed(given) if _is_class(one)]
    if len(inside) > 1:
        each = " and ".join(f"@group.on({name})" for name in inside)
        raise ConfigurationError(
            f"{call} takes one class of messages, not {_name(given)}; {each} may stand above one function"
        )
    if inside:
        batch = f"; a handler of many at once is @group.on({inside[0]}, batch=100)"
        raise ConfigurationError(
            f"{call} takes a class of messages, not {_name(given)}: write {inside[0]}"
            + (batch if get_origin(given) is list else "")
        )
    raise ConfigurationError(
        f"{call} takes a class of messages or a subject, not {_name(given)}: a class of events is "
        "`class Shipped(Event, subject='events.shipped')`"
    )


def _is_class(given: Any) -> bool:
    return isinstance(given, type) and get_origin(given) is None and issubclass(given, Message)


def _listed(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, (list, tuple, set)) else ()


def _name(given: Any) -> str:
    return given.__name__ if isinstance(given, type) and not get_args(given) else shown(given)


def answer_type(request: type[Request[Any]]) -> Any:
    """The type that answers a request: `int` for a class made from `Request[int]`."""
    for cls in request.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            if getattr(base, "__origin__", None) is Request:
                (answer,) = get_args(base)
                return Any if isinstance(answer, TypeVar) else answer
    return Any
