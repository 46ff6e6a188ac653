"""Classes of messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dovetail import Command, ConfigurationError, Event, Request
from dovetail.message import Message, answer_type, subject_of


class NewItem(Event, frozen=True, subject="events.new"):
    text: str


class Do(Command, frozen=True, subject="commands.do"):
    text: str


class Count(Request[int], frozen=True, subject="requests.count"):
    pass


class Names(Request[list[str]], frozen=True, subject="requests.names"):
    pass


class MoreNames(Names, frozen=True, subject="requests.more-names"):
    pass


class Anything(Request[Any], frozen=True, subject="requests.any"):
    pass


def test_subject_of_class_and_message() -> None:
    assert subject_of(NewItem) == subject_of(NewItem("x")) == "events.new"


def test_class_without_subject() -> None:
    class Bare(Event, frozen=True):
        text: str

    for one in (Bare, Bare("x")):
        with pytest.raises(ConfigurationError, match=r"class Bare\(Event, subject='events"):
            subject_of(one)


def test_subclass_keeps_the_subject_unless_it_has_its_own() -> None:
    class Newer(NewItem, frozen=True):
        more: int = 0

    class Other(NewItem, frozen=True, subject="events.other"):
        pass

    assert subject_of(Newer) == "events.new"
    assert subject_of(Other) == "events.other"


@pytest.mark.parametrize("bad", ["", "events.*", "a b", "dovetail.own"])
def test_wrong_subject_shows_when_the_class_is_made(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a subject"):

        class Wrong(Event, frozen=True, subject=bad):
            pass


@pytest.mark.parametrize("message", [NewItem("x"), Do("x"), Count()])
def test_messages_do_not_change(message: Message) -> None:
    with pytest.raises(AttributeError):
        message.text = "y"  # type: ignore[attr-defined]
    assert hash(message) == hash(type(message)(*msgspec.structs.astuple(message)))


def test_options_of_msgspec_are_passed_on() -> None:
    class Camel(Event, frozen=True, subject="camel", rename="camel", kw_only=True):
        date_added: int

    assert msgspec.json.encode(Camel(date_added=1)) == b'{"dateAdded":1}'


def test_answer_types() -> None:
    assert answer_type(Count) is int
    assert answer_type(Names) == list[str]
    assert answer_type(MoreNames) == list[str]
    assert answer_type(Anything) is Any
    assert answer_type(Request) is Any
