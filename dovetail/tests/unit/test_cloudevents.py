"""CloudEvents 1.0 as the official SDK understands it, both ways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import amqp, http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from dovetail import DecodeError, Event
from dovetail.codec.envelope import Codec, encode, received

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Thing(Event, frozen=True, subject="events.thing"):
    name: str


codec = Codec[Thing](Thing)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def an_event(name: str, **more: Any) -> CloudEvent:
    attributes = {
        "id": "id-1",
        "source": "/tests",
        "type": "events.thing",
        "time": datetime(2030, 1, 31, 18, 0, 0, 123456, tzinfo=UTC),
        "datacontenttype": "application/json",
        **more,
    }
    return CloudEvent(attributes=attributes, data={"name": name})


@given(words, words, words)
def test_they_read_what_we_write(name: str, id: str, source: str) -> None:
    body = encode(Thing(name), id=id, source=source, type="events.thing", traceparent=TRACEPARENT)
    message = http.HTTPMessage({"content-type": "application/cloudevents+json"}, body)
    event = http.from_structured(message, JSONFormat())
    assert event.get_data() == {"name": name}
    assert (event.get_id(), event.get_source(), event.get_type()) == (id, source, "events.thing")
    assert event.get_specversion() == "1.0"
    assert event.get_extension("traceparent") == TRACEPARENT
    at = event.get_time()
    assert at is not None
    assert abs((datetime.now(UTC) - at).total_seconds()) < 5


@given(words)
def test_we_read_what_they_write_structured(name: str) -> None:
    message = http.to_structured(an_event(name, traceparent=TRACEPARENT), JSONFormat())
    _check(codec, message.body, message.headers, name)


@given(words)
def test_we_read_what_they_write_in_binary_mode(name: str) -> None:
    message = http.to_binary(an_event(name, traceparent=TRACEPARENT), JSONFormat())
    _check(codec, message.body, message.headers, name)


@pytest.mark.parametrize("prefix", ["cloudEvents_", "cloudEvents:"])
def test_we_read_what_they_write_over_amqp(prefix: str) -> None:
    """Values are not percent-encoded, and a time is a number of milliseconds."""
    message = amqp.to_binary(an_event("naïve", id="50%25"), JSONFormat())
    headers = {
        name.replace("cloudEvents_", prefix): str(value)
        for name, value in message.application_properties.items()
    }
    came = received("a", message.application_data, headers | message.properties)
    assert (came.id, came.data) == ("50%25", {"name": "naïve"})
    assert came.time == datetime(2030, 1, 31, 18, 0, 0, 123000, tzinfo=UTC)
    assert codec.decode(message.application_data, headers).data == Thing("naïve")


def test_structured_mode_may_repeat_attributes_in_headers() -> None:
    message = http.to_structured(an_event("n"), JSONFormat())
    again = {"ce-specversion": "1.0", "ce-id": "other", "ce-source": "s", "ce-type": "t"}
    assert received("a", message.body, {**again, **message.headers}).id == "id-1"
    assert codec.decode(message.body, {**again, **message.headers}).data == Thing("n")


@pytest.mark.parametrize("name", ["ce-ID", "Ce-Id", "CE-id"])
def test_header_names_in_any_case(name: str) -> None:
    headers = {"ce-specversion": "1.0", name: "7", "ce-source": "s", "ce-type": "t"}
    assert codec.decode(b'{"name":"n"}', headers).id == "7"


def test_values_are_percent_encoded() -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "Euro%20%E2%82%AC",
        "ce-source": "s",
        "ce-type": "t",
    }
    assert received("a", b"{}", headers).id == "Euro €"


@pytest.mark.parametrize(("value", "read"), [("%zz%", "%zz%"), ("%ff", "\ufffd"), ("", "")])
def test_what_is_wrongly_percent_encoded_is_no_trouble(value: str, read: str) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": value, "ce-source": "s", "ce-type": "t"}
    assert codec.decode(b'{"name":"n"}', headers).id == read
    assert received("a", b"{}", headers).id == read


def test_binary_data_that_is_no_json() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    image = b"\x89PNG"
    assert received("a", image, {**headers, "Content-Type": "image/png"}).data == image
    assert received("a", image, {**headers, "ce-datacontenttype": "image/png"}).data == image
    with pytest.raises(DecodeError, match="not the message expected"):
        codec.decode(image, {**headers, "Content-Type": "image/png"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce-time": "yesterday"},
        {"ce-time": "2016-12-31T23:59:60Z"},
        {"ce-specversion": "0.3"},
        {"ce-id": None},
    ],
    ids=["time", "leap second", "version", "no id"],
)
def test_broken_binary_mode(wrong: dict[str, str | None]) -> None:
    whole = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t", **wrong}
    headers = {name: value for name, value in whole.items() if value is not None}
    with pytest.raises(DecodeError):
        codec.decode(b'{"name":"n"}', headers)


def _check(codec: Codec[Thing], body: bytes, headers: Any, name: str) -> None:
    envelope = codec.decode(body, headers)
    message = received("a", body, headers)
    assert envelope.data == Thing(name)
    assert message.data == {"name": name}
    for one in (envelope, message):
        assert (one.id, one.source, one.type) == ("id-1", "/tests", "events.thing")
        assert one.time == datetime(2030, 1, 31, 18, 0, 0, 123456, tzinfo=UTC)
        assert one.traceparent == TRACEPARENT
