"""What nobody could decode is refused where it is published."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import (
    Backoff,
    Command,
    ConfigurationError,
    EncodeError,
    Event,
    Group,
    HandlerFailed,
    MessageQueue,
    Request,
    Worker,
    connect,
)
from dovetail.codec.encoding import Encoding, encoding_of
from dovetail.codec.envelope import Codec
from dovetail.message import Message
from dovetail.testing.conformance.waiting import all_handled


class Colour(Enum):
    RED = "red"


class Part(msgspec.Struct):
    weight: float | None = None
    colour: Colour = Colour.RED


class Thing(Event, frozen=True, subject="events.thing"):
    number: int = 0
    price: float = 0.0
    discount: float | None = None
    text: str = ""
    parts: list[Part] = msgspec.field(default_factory=list)
    at: datetime | None = None
    many: set[int] = msgspec.field(default_factory=set)
    more: dict[str, Any] = msgspec.field(default_factory=dict)
    anything: Any = None
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""
    zoned: Annotated[datetime, msgspec.Meta(tz=True)] = datetime(2025, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("unlucky")


class Do(Command, frozen=True, subject="commands.do"):
    number: int = 0


class Ask(Request[int], frozen=True, subject="requests.ask"):
    number: float | None = 0


class Unreadable(Event, frozen=True, subject="events.unreadable"):
    field: Nowhere = 0  # type: ignore[name-defined]  # noqa: F821


class Ambiguous(Event, frozen=True, subject="events.ambiguous"):
    field: list[Part] | set[Part] | None = None


def encoded(thing: Thing) -> bytes:
    return encoding_of(thing, "publish", ("event",)).encode(thing, "1", "test")


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"price": math.nan}, "it.price is nan, which JSON does not have"),
    ({"discount": math.inf}, "it.discount is inf"),
    ({"parts": [Part(), Part(-math.inf)]}, r"it.parts\[1\].weight is -inf"),
    ({"more": {"a": {"b": [math.nan]}}}, r"it.more\['a'\]\['b'\]\[0\] is nan"),
    ({"anything": math.nan}, "it.anything is nan"),
    ({"anything": Part(math.nan)}, "it.anything.weight is nan"),
    ({"number": "1"}, r"Expected `int`, got `str` - at `\$.number`"),
    ({"number": 1.5}, r"Expected `int`, got `float`"),
    ({"number": None}, r"Expected `int`, got `null`"),
    ({"number": True}, r"Expected `int`, got `bool`"),
    ({"text": 5}, r"Expected `str`, got `int` - at `\$.text`"),
    ({"text": None}, r"Expected `str`"),
    ({"parts": None}, r"Expected `array`"),
    ({"parts": [{"colour": "blue"}]}, r"Invalid enum value 'blue' - at `\$.parts\[0\].colour`"),
    ({"at": "yesterday"}, r"Invalid RFC3339"),
    ({"many": ["x"]}, r"Expected `int`, got `str`"),
    ({"short": "long"}, r"length <= 3 - at `\$.short`"),
    ({"zoned": datetime(2025, 1, 1)}, r"timezone component - at `\$.zoned`"),  # noqa: DTZ001
    ({"text": "a\udc80"}, r"it.text holds half of a character: 'a\\udc80'"),
    ({"more": {"\ud800": 1}}, r"holds half of a character"),
    ({"anything": nested(5000)}, "it is nested too deeply"),
    ({"anything": object()}, "object is unsupported"),
    ({"anything": {(1, 2): 3}}, "keys are supported"),
]


@pytest.mark.parametrize(("fields", "says"), WRONG, ids=[says for _, says in WRONG])
async def test_what_nobody_could_decode(fields: dict[str, Any], says: str) -> None:
    async with connect("memory://") as queue:
        for publish in (
            queue.publish,
            lambda thing: queue.publish(thing, durable=False),
            lambda thing: queue.publish_many([Thing(1), thing]),
        ):
            with pytest.raises(EncodeError, match=f"Thing cannot be sent: .*{says}") as caught:
                await publish(Thing(**fields))
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 300
        assert (await queue.status()).messages == 0


RIGHT: list[dict[str, Any]] = [
    {"number": 2**64, "price": 1},
    {"number": -(2**70)},
    {"discount": None, "anything": None},
    {"price": 1e308, "discount": 5e-324},
    {"at": datetime(2025, 1, 1)},  # noqa: DTZ001 - decoding takes it, too
    {"many": frozenset({1}), "parts": ()},
    {"anything": [Decimal("1.5"), date(2025, 1, 1), b"raw", Colour.RED]},
    {"text": "\0\u2028\U0001f600", "anything": nested(50)},
    {"more": {"null": None, "nan": "null"}},
]


@pytest.mark.parametrize("fields", RIGHT, ids=repr)
def test_what_is_decoded_again(fields: dict[str, Any]) -> None:
    envelope = Codec[Thing](Thing).decode(encoded(Thing(**fields)))
    assert (envelope.id, envelope.source, envelope.type) == ("1", "test", "events.thing")


def test_what_only_decoding_finds_out() -> None:
    thing = Thing(1)
    msgspec.structs.force_setattr(thing, "number", 13)
    with pytest.raises(EncodeError, match="unlucky"):
        encoded(thing)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(Thing.__struct_fields__)


def same(one: Any, other: Any) -> bool:
    return bool(one == other) or (isinstance(one, float) and math.isclose(one, other))


@given(fields, json)
def test_what_is_encoded_can_be_decoded(field: str, value: Any) -> None:
    """Whatever stands in a field: it comes out as it went in, or is refused."""
    thing = msgspec.structs.replace(Thing(), **{field: value}) if value != 13 else Thing()
    try:
        body = encoded(thing)
    except EncodeError:
        return
    again = Codec[Thing](Thing).decode(body).data
    if field in ("anything", "more", "discount", "price"):
        assert same(getattr(again, field), getattr(thing, field))


@pytest.mark.parametrize("kind", [Unreadable, Ambiguous])
async def test_class_that_nobody_can_read(kind: type[Event]) -> None:
    group = Group("group")

    @group.on(kind)
    async def take(event: Any) -> None: ...

    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match=f"{kind.__name__} cannot be read from JSON"):
            await queue.publish(kind())
        with pytest.raises(ConfigurationError, match=f"{kind.__name__} cannot be read from JSON"):
            async with Worker(queue, [group]):
                pass


def test_each_class_is_looked_at_once() -> None:
    assert encoding_of(Thing(), "publish", ("event",)) is encoding_of(
        Thing(1), "publish", ("event",)
    )
    assert isinstance(encoding_of(Do(), "send", ("command",)), Encoding)


# What is no message


Publish = Callable[[MessageQueue, Any], Any]
VERBS: dict[str, Publish] = {
    "publish": lambda queue, given: queue.publish(given),
    "publish_many": lambda queue, given: queue.publish_many([given]),
    "send": lambda queue, given: queue.send(given),
    "request": lambda queue, given: queue.request(given),
    "gather": lambda queue, given: queue.gather(given),
}
OTHERS: list[Any] = [None, {}, {"number": 1}, "text", b"bytes", 5, [Thing()], object(), Part(), int]


@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_no_message(verb: str) -> None:
    async with connect("memory://") as queue:
        for other in OTHERS:
            with pytest.raises(ConfigurationError, match=f"^{verb} takes an object of a class"):
                await VERBS[verb](queue, other)
        for kind in (Thing, Do, Ask):
            with pytest.raises(ConfigurationError, match=rf"its class: write {kind.__name__}\(…\)"):
                await VERBS[verb](queue, kind)


@pytest.mark.parametrize(
    ("verb", "wrong", "instead"),
    [
        ("publish", Do(), "Do, a command: use queue.send"),
        ("publish", Ask(), "Ask, a request: use queue.request"),
        ("publish_many", Do(), "use queue.send"),
        ("send", Thing(), "Thing, an event: use queue.publish"),
        ("send", Ask(), "use queue.request"),
        ("request", Thing(), "use queue.publish"),
        ("request", Do(), "use queue.send"),
        ("gather", Do(), "use queue.send"),
    ],
)
async def test_another_kind_of_message(verb: str, wrong: Message, instead: str) -> None:
    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match=f"^{verb} does not take .*{instead}"):
            await VERBS[verb](queue, wrong)


async def test_one_event_where_many_are_taken() -> None:
    async with connect("memory://") as queue:
        for one in (Thing(), None, "events", {"a": Thing()}):
            with pytest.raises(ConfigurationError, match="publish_many takes a list of events"):
                await queue.publish_many(cast(Any, one))
        assert len(await queue.publish_many(Thing(n) for n in range(3))) == 3  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="publish_raw: body='text'"):
            await queue.publish_raw("events.raw", "text")  # type: ignore[arg-type]
        for subject in (None, 5, b"events.raw", Thing):
            with pytest.raises(ConfigurationError, match="is not a subject"):
                await queue.publish_raw(cast(Any, subject), b"bytes")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Thing | Do, r"one class of messages.*@group.on\(Thing\) and @group.on\(Do\)"),
        ([Thing, Do], r"@group.on\(Thing\) and @group.on\(Do\)"),
        (Thing | None, "write Thing$"),
        (list[Thing], r"write Thing; .*@group.on\(Thing, batch=100\)"),
        (Thing(), "takes the class, Thing, not a message"),
        (None, "takes a class of messages or a subject, not None"),
        (dict, "not dict"),
        (Any, "not Any"),
        (b"events", "not b'events'"),
        (Event, "Event has no subject"),
        (lambda event: None, "takes a class of messages"),
    ],
)
def test_what_is_no_class_of_messages(wrong: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Group("group").on(wrong)
    with pytest.raises(ConfigurationError, match=says):
        connect("memory://").listen(wrong)


async def test_waiting_for_what_is_no_class() -> None:
    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match="takes the class, Thing"):
            await queue.waiting(cast(Any, Thing()), "group")
        with pytest.raises(ConfigurationError, match="is not a group name"):
            await queue.waiting(Thing, cast(Any, None))


# What handlers return


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (Thing(number=cast(Any, "1")), r"Thing cannot be sent: Expected `int`, got `str`"),
        (Thing(discount=math.nan), "it.discount is nan"),
        ([Thing(), Thing(text="\udc80")], "half of a character"),
        (Thing, "returned <class .*Thing'>; a handler returns Events, Commands or None"),
        (Ask(), r"returned Ask\(number=0\); a handler returns"),
        ({"number": 1}, r"returned \{'number': 1\}; a handler returns"),
    ],
)
async def test_handler_that_returns_what_nobody_could_decode(returned: Any, says: str) -> None:
    group = Group("group", retry=Backoff(tries=1))

    @group.on(Do)
    async def cause(command: Do) -> Any:
        return returned if command.number else None

    async with connect("memory://") as queue, Worker(queue, [group]):
        await queue.send(Do(1))
        await queue.send(Do(0))
        await all_handled(queue, "group")
        [letter] = await queue.dead_letters.list()
        assert (await queue.status()).messages == 0
    with pytest.raises(AssertionError, match=f"cause .*{says}"):
        raise AssertionError(letter.reason)


@pytest.mark.parametrize("answered", ["1", None, math.nan, 1.5, object(), Thing])
async def test_answer_of_another_type_is_said_where_it_is_made(answered: Any) -> None:
    group = Group("group")

    @group.on(Ask)
    async def answer(request: Ask) -> Any:
        return answered if request.number else 1

    async with connect("memory://") as queue, Worker(queue, [group]):
        with pytest.raises(HandlerFailed, match=r"EncodeError: what .*answer answered cannot be"):
            await queue.request(Ask(1))
        assert await queue.request(Ask(0)) == 1
        with pytest.raises(EncodeError, match=r"it\.number is nan"):
            await queue.request(Ask(math.nan))


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_attributes_are_read_as_they_were_given(id: str, other: str) -> None:
    before = datetime.now(UTC)
    body = encoding_of(Thing(), "publish", ("event",)).encode(Thing(), id, other, other)
    envelope = Codec[Thing](Thing).decode(body)
    assert (envelope.id, envelope.source, envelope.traceparent) == (id, other, other)
    assert envelope.time is not None
    assert before <= envelope.time <= datetime.now(UTC)
