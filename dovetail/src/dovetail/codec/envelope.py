"""The CloudEvents 1.0 envelope: JSON (structured mode) both ways, binary mode inbound."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

import msgspec

from dovetail import clock
from dovetail.errors import ConfigurationError, DecodeError

Data = TypeVar("Data")
SPEC_VERSION = "1.0"
#: How an attribute is marked in binary mode on NATS and in HTTP, where its value is percent-encoded.
_ENCODED_PREFIX = "ce-"
#: And in AMQP, in two spellings, where it is not. In lower case.
_AMQP_PREFIXES = ("cloudevents_", "cloudevents:")
#: How the content type of a message in structured mode begins, whatever its headers repeat.
_STRUCTURED = "application/cloudevents"
_EPOCH = datetime.fromtimestamp(0, UTC)
#: From the year 1653 to 2286.
_MILLISECONDS = re.compile("-?[0-9]{1,13}")


class Envelope(msgspec.Struct, Generic[Data], omit_defaults=True, kw_only=True):
    """A CloudEvent (CloudEvents 1.0, JSON event format) with the W3C `traceparent` extension.

    `failure` is an extension of ours, for answers: what the handler of a request said when it raised. Events
    of others may have one of that name, which means nothing to us.
    """

    specversion: str
    id: str
    source: str
    type: str
    time: datetime | None = None
    datacontenttype: str | None = None
    traceparent: str | None = None
    failure: Any = None
    data: Data | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


class Received(msgspec.Struct, kw_only=True, frozen=True):
    """A message as it came, for those who take any: listeners, wildcard handlers, tools.

    `data` is the event's JSON value, or the bytes as they are where they are no CloudEvent; then
    `id`, `type`, `source` and `time` are None.
    """

    subject: str
    body: bytes
    data: Any
    id: str | None = None
    type: str | None = None
    source: str | None = None
    time: datetime | None = None
    traceparent: str | None = None


ENCODER = msgspec.json.Encoder()
_any_data = msgspec.json.Decoder(Envelope[Any])


def encode(
    data: Any,
    *,
    id: str,
    source: str,
    type: str,
    traceparent: str | None = None,
    failure: str | None = None,
) -> bytes:
    """One message as a structured CloudEvent in JSON, stamped with the present time."""
    return ENCODER.encode(
        Envelope(
            specversion=SPEC_VERSION,
            id=id,
            source=source,
            type=type,
            time=clock.now(),
            traceparent=traceparent,
            failure=failure,
            data=data,
        )
    )


def decoder(data_type: Any, name: str) -> msgspec.json.Decoder[Any]:
    """One for this type, called so; ConfigurationError where its fields cannot be read from JSON."""
    try:
        return msgspec.json.Decoder(data_type)
    except (
        Exception
    ) as error:  # NameError for a name that an annotation has and nobody else, and so on
        raise ConfigurationError(f"{name} cannot be read from JSON: {error}") from error


class Codec(Generic[Data]):
    """Decodes envelopes around one type of data; `answers` may say why they have none."""

    def __init__(self, data_type: Any, *, answers: bool = True) -> None:
        self._answers = answers
        name = getattr(data_type, "__name__", str(data_type))
        self._envelope: msgspec.json.Decoder[Envelope[Data]] = decoder(Envelope[data_type], name)
        self._data: msgspec.json.Decoder[Data] = decoder(data_type, name)

    def decode(self, body: bytes, headers: Mapping[str, str] | None = None) -> Envelope[Data]:
        """The envelope with its typed data; DecodeError says what is wrong with the bytes."""
        try:
            if headers and (attributes := _attributes(headers)):
                envelope = Envelope(**attributes, data=self._data.decode(body))
            else:
                envelope = self._envelope.decode(body)
                if envelope.data_base64 is not None:
                    envelope.data = self._data.decode(_from_base64(envelope))
        except Exception as error:  # a __post_init__ raises anything, deep nesting RecursionError
            raise DecodeError(f"not the message expected: {error}") from error
        if envelope.data is msgspec.UNSET and not (self._answers and envelope.failure):
            raise DecodeError("not the message expected: the event has no data")
        if envelope.specversion != SPEC_VERSION:
            raise DecodeError(
                f"CloudEvents {envelope.specversion!r} is not supported, only {SPEC_VERSION}"
            )
        return envelope


def received(subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> Received:
    """The message behind these bytes; whatever is no CloudEvent is kept as it is."""
    envelope = _open(body, headers)
    if envelope is None:
        return Received(subject=subject, body=body, data=body)
    return Received(
        subject=subject,
        body=body,
        data=None if envelope.data is msgspec.UNSET else envelope.data,
        id=envelope.id,
        type=envelope.type,
        source=envelope.source,
        time=envelope.time,
        traceparent=envelope.traceparent,
    )


def _open(body: bytes, headers: Mapping[str, str] | None) -> Envelope[Any] | None:
    try:
        if headers and (attributes := _attributes(headers)):
            return Envelope(**attributes, data=_payload(body, attributes.get("datacontenttype")))
        envelope = _any_data.decode(body)
        if envelope.data_base64 is not None:
            envelope.data = _from_base64(envelope)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return None
    return envelope


def _from_base64(envelope: Envelope[Any]) -> bytes:
    if envelope.data is not msgspec.UNSET:
        raise ValueError("the event has both data and data_base64")
    assert envelope.data_base64 is not None
    return base64.b64decode(envelope.data_base64, validate=True)


def _payload(body: bytes, content_type: str | None) -> Any:
    if content_type is None or "json" in content_type:
        return msgspec.json.decode(body)
    return body


def _attributes(headers: Mapping[str, str]) -> dict[str, Any]:
    """The CloudEvents attributes among these headers; empty where the message is not in binary mode."""
    found: dict[str, Any] = {}
    content_type = None
    for name, value in headers.items():
        lower = name.lower()
        if lower == "content-type":
            content_type = value
        elif lower.startswith(_ENCODED_PREFIX):
            found[lower[len(_ENCODED_PREFIX) :]] = unquote(value)
        elif lower.startswith(_AMQP_PREFIXES):
            found[lower[len(_AMQP_PREFIXES[0]) :]] = value
    if "specversion" not in found or (content_type or "").lower().startswith(_STRUCTURED):
        return {}
    if content_type is not None:
        found.setdefault("datacontenttype", content_type)
    if time := found.get("time"):
        found["time"] = _time(time)
    return {
        name: found[name] for name in Envelope.__struct_fields__ if name in found and name != "data"
    }


def _time(text: str) -> datetime:
    """RFC 3339, or a timestamp of AMQP as senders without that type write it: milliseconds of Unix time."""
    if _MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    return msgspec.convert(text, datetime)
