"""The envelope: what is written is read, and what is wrong is said."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import DecodeError, Event
from dovetail.codec.envelope import Codec, encode, received

text = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


class Thing(Event, frozen=True, subject="events.thing"):
    name: str
    many: list[int]
    at: datetime | None = None
    raw: bytes = b""


things = st.builds(
    Thing,
    name=text,
    many=st.lists(st.integers(-(2**63), 2**63 - 1)),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
    raw=st.binary(),
)
codec = Codec[Thing](Thing)


@given(things, text, text, st.none() | text)
def test_typed_round_trip(thing: Thing, id: str, source: str, trace: str | None) -> None:
    before = datetime.now(UTC)
    body = encode(thing, id=id, source=source, type="events.thing", traceparent=trace)
    envelope = codec.decode(body)
    assert envelope.data == thing
    assert (envelope.id, envelope.source, envelope.type) == (id, source, "events.thing")
    assert envelope.traceparent == trace
    assert envelope.time is not None
    assert before <= envelope.time <= datetime.now(UTC) + timedelta(seconds=1)


@given(values)
def test_untyped_round_trip(value: Any) -> None:
    message = received("a.b", encode(value, id="1", source="s", type="t"))
    assert message.data == value
    assert (message.id, message.subject) == ("1", "a.b")


@given(st.binary())
def test_any_bytes_are_received_as_they_are(body: bytes) -> None:
    message = received("a.b", body)
    assert message.body == body
    if message.id is None:
        assert message.data == body


@given(st.binary(), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4))
def test_nothing_but_decode_error(body: bytes, headers: dict[str, str]) -> None:
    with contextlib.suppress(DecodeError):
        codec.decode(body, headers)


@given(things)
def test_data_in_base64(thing: Thing) -> None:
    data = base64.b64encode(msgspec.json.encode(thing)).decode()
    body = msgspec.json.encode(
        {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": data}
    )
    assert codec.decode(body).data == thing
    assert received("a", body).data == msgspec.json.encode(thing)


def test_extensions_of_others_are_no_trouble() -> None:
    body = b"""{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "partitionkey": "k",
        "dataschema": "http://x", "data": {"name": "n", "many": [], "unknown": 1}}"""
    assert codec.decode(body).data == Thing("n", [])


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "data"])
def test_what_is_missing_is_named(missing: str) -> None:
    whole = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    whole["data"] = {"name": "n", "many": []}  # type: ignore[assignment]
    del whole[missing]
    with pytest.raises(DecodeError, match=missing):
        codec.decode(msgspec.json.encode(whole))


def test_where_the_wrong_type_is() -> None:
    body = encode({"name": "n", "many": ["x"]}, id="1", source="s", type="t")
    with pytest.raises(DecodeError, match=r"Expected `int`, got `str` - at `\$.data.many\[0\]`"):
        codec.decode(body)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"data": None}, "Expected `object`, got `null`"),
        ({"failure": "no"}, "no data"),
        ({"failure": "no", "data": None}, "got `null`"),
        ({"data": {"name": "n", "many": []}, "data_base64": "e30="}, "both data and data_base64"),
        ({"data_base64": "e30!"}, "base64"),
        ({"data_base64": "ZQ"}, "padding"),
        ({"data_base64": "H4sIAAAAAAA="}, "UTF-8|malformed"),
        ({"time": "2016-12-31T23:59:60Z"}, "RFC3339"),
        ({"time": "10000-01-01T00:00:00Z"}, "RFC3339"),
        ({"time": "2026-01-01T00:00:00+24:00"}, "RFC3339"),
        ({"specversion": "1"}, "'1' is not supported"),
        ({"specversion": 1.0}, "Expected `str`"),
        ({"id": None}, "Expected `str`"),
        ({"id": 7}, "Expected `str`"),
    ],
)
def test_what_is_no_event_for_a_handler(more: dict[str, Any], reason: str) -> None:
    whole: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    if not {"data", "data_base64", "failure"} & set(more):
        whole["data"] = {"name": "n", "many": []}
    with pytest.raises(DecodeError, match=reason):
        Codec[Thing](Thing, answers=False).decode(msgspec.json.encode(whole | more))


def test_of_two_of_a_name_the_last_counts_everywhere() -> None:
    body = b"""{"specversion": "1.0", "id": "1", "id": "2", "source": "s", "type": "t",
        "data": {"name": "a", "many": []}, "data": {"name": "a", "name": "b", "many": []}}"""
    assert (codec.decode(body).id, received("a", body).id) == ("2", "2")
    assert codec.decode(body).data == Thing("b", [])
    assert received("a", body).data == {"name": "b", "many": []}


def test_answer_that_says_why_there_is_none() -> None:
    body = encode(msgspec.UNSET, id="1", source="s", type="t", failure="LookupError: no")
    envelope = codec.decode(body)
    assert envelope.failure == "LookupError: no"
    assert envelope.data is msgspec.UNSET
