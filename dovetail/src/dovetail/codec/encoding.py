"""Writes messages, and checks that whoever gets them can decode them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from dovetail.checks.rules import shown
from dovetail.codec.envelope import ENCODER, SPEC_VERSION, decoder
from dovetail.codec.nullable import takes_null
from dovetail.codec.timestamps import stamp
from dovetail.errors import ConfigurationError, EncodeError
from dovetail.message import Command, Event, Message, Request, subject_of

#: Levels at which it is still looked for what is wrong.
_DEEPEST = 100
_SHORT_BYTES = 2048
#: Parts of an envelope. It is on every message's way: that is why it is not written as an Envelope.
_HEAD = b'{"specversion":"%s","id":' % SPEC_VERSION.encode()
_DATA, _TRACED_DATA = b'","data":', b'","traceparent":%s,"data":'
Kind = Literal["event", "command", "request"]

#: For each kind: its class, and how it goes on its way.
_KINDS: dict[Kind, tuple[type[Message], str]] = {
    "event": (Event, "an event: use queue.publish(…)"),
    "command": (Command, "a command: use queue.send(…)"),
    "request": (Request, "a request: use queue.request(…) or queue.gather(…)"),
}


class Encoder:
    """Writes data of one type as CloudEvents of one type. `name` is what errors call the data."""

    def __init__(self, data_type: Any, name: str, type: str) -> None:
        self._name = name
        self._type = type
        self._decode = decoder(data_type, name).decode
        self._takes_null = takes_null(data_type)
        #: By source: one for each queue of this process.
        self._around: dict[str, tuple[bytes, bytes]] = {}

    def encode(self, data: Any, id: str, source: str, trace: str | None = None) -> bytes:
        """As `dovetail.codec.envelope.encode`; EncodeError where it could not be decoded again."""
        try:
            written = ENCODER.encode(data)
            again = self._decode(written)
        except Exception as error:  # a __post_init__ raises anything, deep nesting RecursionError
            raise EncodeError(f"{self._name} cannot be sent: {_reason(error, data)}") from error
        # JSON has null for what is not finite: where the type allows null, that would pass.
        if self._takes_null and _may_hide(written, data, again) and (found := _no_json(data)):
            raise EncodeError(f"{self._name} cannot be sent: {found}")
        head, middle = self._around.get(source) or self._attributes(source)
        tail = _DATA if trace is None else _TRACED_DATA % ENCODER.encode(trace)
        return b"".join((head, ENCODER.encode(id), middle, stamp(), tail, written, b"}"))

    def _attributes(self, source: str) -> tuple[bytes, bytes]:
        """What stands before a message's id, and between that and its time; kept for the next one."""
        named = ENCODER.encode({"source": source, "type": self._type})
        around = self._around[source] = _HEAD, b',%s,"time":"' % named[1:-1]
        return around


def _may_hide(written: bytes, data: Any, again: Any) -> bool:
    """Whether a null of it was something else. In what is short, to compare is cheaper than to search."""
    return (len(written) < _SHORT_BYTES or b"null" in written) and again != data


class Encoding(Encoder):
    """Writes messages of one class."""

    def __init__(self, message_type: type[Message], kind: Kind) -> None:
        self.kind = kind
        self.subject = subject_of(message_type)
        super().__init__(message_type, message_type.__name__, self.subject)


_encodings: dict[type, Encoding] = {}


def encoding_of(message: Any, call: str, kinds: tuple[Kind, ...]) -> Encoding:
    """How this message is written; ConfigurationError where `call` does not take its kind.

    Kept for each class, so that asking again costs nothing.
    """
    found = _encodings.get(type(message))
    if found is None:
        found = _make(message, call, kinds)
    if found.kind not in kinds:
        _, how = _KINDS[found.kind]
        name = type(message).__name__
        raise ConfigurationError(f"{call} does not take {name}, {how}")
    return found


def _make(message: Any, call: str, kinds: tuple[Kind, ...]) -> Encoding:
    for kind, (base, _) in _KINDS.items():
        if isinstance(message, base):
            encoding = _encodings[type(message)] = Encoding(type(message), kind)
            return encoding
    wanted = " or ".join(_KINDS[kind][0].__name__ for kind in kinds)
    if isinstance(message, type) and issubclass(message, Message):
        name = message.__name__
        raise ConfigurationError(f"{call} takes a message, not its class: write {name}(…)")
    hint = "; bytes that are encoded elsewhere go by queue.publish_raw(subject, …)"
    raise ConfigurationError(
        f"{call} takes an object of a class made from {wanted}, not {shown(message)}"
        + (hint if isinstance(message, (dict, str, bytes)) and "event" in kinds else "")
    )


def _reason(error: Exception, data: Any) -> str:
    if found := _no_json(data):
        return found
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)


def _no_json(value: Any, place: str = "it", depth: int = 0) -> str:
    """Where the first value is that JSON does not have, and which; empty where there is none."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{place} is {value}, which JSON does not have"
    if isinstance(value, str):
        return "" if _is_unicode(value) else f"{place} holds half of a character: {shown(value)}"
    if depth > _DEEPEST:
        return ""
    for name, inside in _inside(value):
        if found := _no_json(inside, f"{place}{name}", depth + 1):
            return found
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inside(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        keys = [(f" (the key {shown(key)})", key) for key in value]
        return keys + [(f"[{shown(key)}]", one) for key, one in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(f"[{number}]", one) for number, one in enumerate(value)]
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
    else:
        names = tuple(getattr(value, "__dataclass_fields__", ()))
    return [(f".{name}", getattr(value, name, None)) for name in names]
