"""Which functions are taken as handlers, and what is said about the others, when they are registered."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Optional, Protocol, TypeVar, Union
from unittest.mock import AsyncMock

import pytest

from dovetail import Command, ConfigurationError, Context, Event, Group, Received, Request

if TYPE_CHECKING:
    from somewhere import Elsewhere  # type: ignore[import-not-found]

Message = TypeVar("Message")


class Happened(Event, frozen=True, subject="events.happened"):
    number: int = 0


class Newer(Happened, frozen=True, subject="events.newer"):
    pass


class Other(Event, frozen=True, subject="events.other"):
    pass


class Do(Command, frozen=True, subject="commands.do"):
    pass


class Ask(Request[int], frozen=True, subject="requests.ask"):
    pass


class Numbered(Protocol):
    number: int


def passed_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as many are written: plain, around an async function."""

    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


class Service:
    """What a handler often needs."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def take(self, event: Happened) -> None:
        self.got.append(event)

    async def take_with_context(self, event: Happened, context: Context) -> None:
        self.got.append((event, context))

    async def __call__(self, event: Happened) -> None:
        self.got.append(event)

    @staticmethod
    async def apart(event: Happened) -> None: ...

    @classmethod
    async def of_class(cls, event: Happened, context: Context) -> None: ...

    def blocking(self, event: Happened) -> None: ...


class Blocking:
    """Callable, and not async."""

    def __call__(self, event: Happened) -> None: ...


# Functions that work: what they are registered for, whether they ask for the context.


async def bare(event): ...  # type: ignore[no-untyped-def]
async def bare_with_context(event, anything): ...  # type: ignore[no-untyped-def]
async def exact(event: Happened) -> None: ...
async def base(event: Event) -> None: ...
async def anything(event: Any) -> None: ...
async def an_object(event: object) -> None: ...


async def generic(event: Message) -> Message:
    return event


async def protocol(event: Numbered) -> None: ...
async def annotated(event: Annotated[Happened, "more"]) -> None: ...
async def one_of(event: Happened | Other) -> None: ...
async def unreadable(event: Elsewhere) -> None: ...
async def with_context(event: Happened, context: Context) -> None: ...
async def with_default(event: Happened, context: Context | None = None) -> None: ...
async def old_style(event: Happened, context: Optional[Context] = None) -> None: ...  # noqa: UP045
async def context_of_any(event: Happened, context: Any) -> None: ...
async def rest(*events: Happened) -> None: ...
async def event_and_rest(event: Happened, *rest: int, **more: int) -> None: ...
async def keyword_with_default(event: Happened, *, limit: int = 3) -> None: ...
async def only_positional(event: Happened, context: Context, /) -> None: ...
async def with_limit(event: Happened, limit: int) -> None: ...
async def limit_first(limit: int, event: Happened, context: Context) -> None: ...
def plain(event: Happened) -> None: ...


@pytest.mark.parametrize(
    ("function", "wants_context", "blocking"),
    [
        (bare, False, False),
        (bare_with_context, True, False),
        (exact, False, False),
        (base, False, False),
        (anything, False, False),
        (an_object, False, False),
        (generic, False, False),
        (protocol, False, False),
        (annotated, False, False),
        (one_of, False, False),
        (unreadable, False, False),
        (with_context, True, False),
        (with_default, True, False),
        (old_style, True, False),
        (context_of_any, True, False),
        (rest, False, False),
        (event_and_rest, False, False),
        (keyword_with_default, False, False),
        (only_positional, True, False),
        (functools.partial(with_limit, limit=3), False, False),
        (functools.partial(limit_first, 3), True, False),
        (functools.partial(functools.partial(limit_first, 3)), True, False),
        (Service().take, False, False),
        (Service().take_with_context, True, False),
        (Service(), False, False),
        (Service.apart, False, False),
        (Service.of_class, True, False),
        (staticmethod(exact), False, False),
        (passed_on(exact), False, False),
        (passed_on(with_context), True, False),
        (AsyncMock(), False, False),
        (plain, False, True),
        (Service().blocking, False, True),
        (Blocking(), False, True),
        (lambda event: None, False, True),
        (functools.partial(plain), False, True),
    ],
)
def test_functions_that_work(
    function: Callable[..., Any], wants_context: bool, blocking: bool
) -> None:
    group = Group("group")
    group.on(Happened)(function)
    [handler] = group.handlers
    assert (handler.wants_context, handler.blocking) == (wants_context, blocking)
    assert handler.function is function
    assert handler.name


async def batch(events: list[Happened]) -> None: ...
async def batch_of_base(events: Sequence[Event]) -> None: ...
async def batch_of_any(events: list) -> None: ...  # type: ignore[type-arg]
async def batch_iterated(events: Iterable[Happened]) -> None: ...
async def batch_with_contexts(events: list[Happened], contexts: list[Context]) -> None: ...
async def batch_with_sequences(events: Sequence[Any], contexts: Sequence[Context]) -> None: ...


@pytest.mark.parametrize(
    ("function", "wants_context"),
    [
        (bare, False),
        (anything, False),
        (batch, False),
        (batch_of_base, False),
        (batch_of_any, False),
        (batch_iterated, False),
        (batch_with_contexts, True),
        (batch_with_sequences, True),
        (bare_with_context, True),
    ],
)
def test_batch_functions_that_work(function: Callable[..., Any], wants_context: bool) -> None:
    group = Group("group")
    group.on(Happened, batch=10)(function)
    assert [one.wants_context for one in group.handlers] == [wants_context]


async def none() -> None: ...
async def three(event: Happened, context: Context, more: int) -> None: ...
async def three_with_default(event: Happened, context: Context, more: int = 1) -> None: ...
async def only_keyword(*, event: Happened) -> None: ...
async def needs_keyword(event: Happened, *, store: Service) -> None: ...
async def second_default(event: Happened, limit: int = 3) -> None: ...
async def second_bare_default(event: Happened, limit=3) -> None: ...  # type: ignore[no-untyped-def]
async def second_other(event: Happened, store: Service) -> None: ...
async def second_unreadable(event: Happened, store: Elsewhere) -> None: ...
async def contexts_of_one(event: Happened, contexts: list[Context]) -> None: ...
async def a_list(events: list[Happened]) -> None: ...
async def other_message(event: Other) -> None: ...
async def other_messages(event: Other | Do) -> None: ...
async def other_old(event: Union[Other, Do]) -> None: ...  # noqa: UP007
async def more_than_it_is(event: Newer) -> None: ...
async def a_dict(event: dict[str, Any]) -> None: ...
async def text(event: str) -> None: ...


async def yields(event: Happened) -> AsyncIterator[Other]:
    yield Other()


def plain_yields(event: Happened) -> Iterator[Other]:
    yield Other()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (none, "none takes 0 parameters; a handler takes the message"),
        (three, "three takes 3 parameters"),
        (three_with_default, "three_with_default takes 3 parameters"),
        (only_keyword, "only_keyword needs the keyword argument 'event'"),
        (needs_keyword, "needs the keyword argument 'store'; .*functools.partial"),
        (second_default, "second parameter, 'limit', that is not annotated with Context"),
        (second_bare_default, "second parameter, 'limit'"),
        (second_other, "second parameter, 'store'"),
        (second_unreadable, "second parameter, 'store'"),
        (contexts_of_one, "second parameter, 'contexts', that is not annotated with Context"),
        (a_list, "takes a list; give batch=… to `on`, or let it take Happened"),
        (other_message, "takes Other; registered like this it is given Happened"),
        (other_messages, r"takes Other \| Do; registered like this it is given Happened"),
        (other_old, r"takes Other \| Do"),
        (more_than_it_is, "takes Newer"),
        (a_dict, "takes dict"),
        (text, "takes str"),
        (yields, "yields; a handler returns"),
        (plain_yields, "yields; a handler returns"),
        (Service, "Service is a class; give an object of it"),
        (Service.take, r"'self' would be the message.*group.on\(Message\)\(service.method\)"),
        (None, "cannot be called"),
        (exact.__code__, "cannot be called"),
        ("exact", "cannot be called"),
        (functools.partial(exact, Happened()), "takes 0 parameters"),
        (functools.partial(with_limit), "second parameter, 'limit'"),
        (iter, "iter"),
    ],
)
def test_functions_that_cannot_work(function: Any, says: str) -> None:
    group = Group("group")
    with pytest.raises(ConfigurationError, match=says) as caught:
        group.on(Happened)(function)
    assert not group.handlers
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (exact, r"takes Happened; registered like this it is given list\[Happened\]"),
        (text, "takes str"),
        (other_message, "takes Other"),
        (with_context, "takes Happened"),
    ],
)
def test_batch_functions_that_cannot_work(function: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Group("group").on(Happened, batch=10)(function)


async def batch_with_one_context(events: list[Happened], context: Context) -> None: ...
async def batch_of_others(events: list[Other]) -> None: ...


def test_batches_of_what_cannot_work() -> None:
    with pytest.raises(ConfigurationError, match=r"is not annotated with list\[Context\]"):
        Group("group").on(Happened, batch=10)(batch_with_one_context)
    with pytest.raises(ConfigurationError, match="takes Other"):
        Group("group").on(Happened, batch=10)(batch_of_others)


def test_decorated_in_the_body_of_a_class() -> None:
    group = Group("group")
    with pytest.raises(ConfigurationError, match=r"Handlers\.save is a method without its object"):

        class Handlers:
            @group.on(Happened)
            async def save(self, event: Happened) -> None: ...

    with pytest.raises(ConfigurationError, match="cannot be called"):

        class ClassMethods:
            @group.on(Happened)
            @classmethod
            async def save(cls, event: Happened) -> None: ...


def test_static_functions_in_the_body_of_a_class() -> None:
    group = Group("group")

    class Handlers:
        @group.on(Happened)
        @staticmethod
        async def inside(event: Happened) -> None: ...

        @staticmethod
        @group.on(Other)
        async def outside(event: Other) -> None: ...

    assert [one.blocking for one in group.handlers] == [False, False]


async def received(message: Received) -> None: ...


def test_patterns_are_given_what_was_received() -> None:
    for right in (received, bare, anything):
        Group("group").on("events.>")(right)
    with pytest.raises(ConfigurationError, match=r"takes Happened; .* given Received"):
        Group("group").on("events.>")(exact)


async def answer(ask: Ask) -> int:
    return 1


def test_requests_and_commands() -> None:
    group = Group("group")
    group.on(Ask)(answer)
    with pytest.raises(ConfigurationError, match="takes Ask"):
        group.on(Do)(answer)


def test_types_of_the_function_around_it_are_found_where_it_uses_them() -> None:
    class Local(Event, frozen=True, subject="events.local"):
        pass

    async def take(event: Local) -> Local:
        return Local()

    async def take_other(event: Local) -> Local:
        return Local()

    Group("group").on(Local)(take)
    with pytest.raises(ConfigurationError, match="takes Local"):
        Group("group").on(Happened)(take_other)


def test_stacked_for_several_messages() -> None:
    group = Group("group")

    @group.on(Happened)
    @group.on(Other)
    async def take(event: Happened | Other) -> None: ...

    assert [one.subject for one in group.handlers] == ["events.other", "events.happened"]


def typed(function: Callable[[Happened], Awaitable[None]]) -> None:
    """Type checkers keep what was registered."""


def test_registered_function_keeps_its_type() -> None:
    typed(Group("group").on(Happened)(exact))
