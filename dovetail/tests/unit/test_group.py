"""What a group accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dovetail import (
    Command,
    ConfigurationError,
    Context,
    Event,
    Group,
    Request,
    Worker,
    connect,
    run,
)
from dovetail.message import Message


class Happened(Event, frozen=True, subject="events.happened"):
    pass


class Do(Command, frozen=True, subject="commands.do"):
    pass


class Ask(Request[int], frozen=True, subject="requests.ask"):
    pass


async def take(message: Any) -> None: ...


async def take_with_context(message: Any, context: Context) -> None: ...


def test_what_is_registered() -> None:
    group = Group("group")
    group.on(Happened, batch=5)(take)
    group.on(Do)(take_with_context)
    group.on(Ask, every_member=True)(take)
    group.on("events.other.*")(take)
    assert [
        (one.subject, one.kind, one.message_type, one.batch, one.wants_context, one.every_member)
        for one in group.handlers
    ] == [
        ("events.happened", "event", Happened, 5, False, False),
        ("commands.do", "command", Do, 0, True, False),
        ("requests.ask", "request", Ask, 0, False, True),
        ("events.other.*", "event", None, 0, False, False),
    ]


def test_registered_function_stays_as_it_is() -> None:
    assert Group("group").on(Happened)(take) is take


async def no_parameter() -> None: ...


async def three(message: Any, context: Context, more: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (no_parameter, "no_parameter takes 0 parameters"),
        (three, "three takes 3 parameters"),
    ],
)
def test_functions_that_are_no_handlers(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Group("group").on(Happened)(function)


def test_two_handlers_for_one_message_are_two_groups() -> None:
    group = Group("group")
    group.on(Happened)(take)
    with pytest.raises(ConfigurationError, match="two that must both run are two groups"):
        group.on(Happened)(take_with_context)
    with pytest.raises(ConfigurationError, match="already has a handler for"):
        group.on("events.happened")(take)


def test_requests_are_answered_one_by_one() -> None:
    with pytest.raises(ConfigurationError, match="leave out `batch`"):
        Group("group").on(Ask, batch=2)(take)


@pytest.mark.parametrize("bad", ["", "a..b", "a*"])
def test_wrong_patterns(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a subject pattern"):
        Group("group").on(bad)(take)


def test_class_without_subject() -> None:
    with pytest.raises(ConfigurationError, match="Event has no subject"):
        Group("group").on(Event)(take)


def test_message_of_no_kind() -> None:
    class Odd(Message, frozen=True, subject="odd"):
        pass

    with pytest.raises(ConfigurationError, match="Odd is no Event, Command or Request"):
        Group("group").on(Odd)(take)


@pytest.mark.parametrize("name", ["", "save handler", "save.handler", "*"])
def test_wrong_names(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a group name"):
        Group(name)


def test_what_means_not_ready() -> None:
    by_type = Group("group", not_ready=(ConnectionError,)).options
    by_function = Group("group", not_ready=lambda error: "down" in str(error)).options
    assert by_type.is_not_ready(ConnectionRefusedError())
    assert not by_type.is_not_ready(ValueError("down"))
    assert by_function.is_not_ready(ValueError("down"))
    assert not by_function.is_not_ready(ValueError("up"))


async def test_groups_that_one_worker_cannot_run() -> None:
    one, other, same_name = Group("one"), Group("other"), Group("one")
    queue = connect("memory://")
    Worker(queue, [one, other])
    Worker(queue, (one,))
    for groups, says in (
        ([one, other, same_name], "two groups of one worker are called 'one'"),
        ([one, other, one], r"Group\('one'\) is given to one worker twice; .*concurrency"),
        (one, r"takes a list of groups, not Group\('one'\)"),
        (None, "takes a list of groups, not None"),
        ({"one": one}, "takes a list of groups"),
        ("one", "takes groups, not 'o'"),
        ([[one]], "takes groups, not"),
        ([lambda: one], r"\(call the function that makes it\)"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            Worker(queue, groups)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=says):
            await run(queue, groups)  # type: ignore[arg-type]
    for wrong in ([one], None, "memory://"):
        with pytest.raises(ConfigurationError, match="queue is a queue, as connect"):
            Worker(wrong, [one])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, 5, b"orders", ["orders"], Happened])
def test_names_that_are_no_text(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not a group name"):
        Group(name)
