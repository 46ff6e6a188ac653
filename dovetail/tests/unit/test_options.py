"""Options are checked when they are given: the error names the option, the value, and what is allowed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from dovetail import (
    Backoff,
    ConfigurationError,
    DeadLetter,
    Event,
    Group,
    NobodyListening,
    NotReady,
    Observer,
    Reject,
    Request,
    Retry,
    Tracer,
    Worker,
    connect,
)
from dovetail.checks.rules import seconds
from dovetail.embedded import EmbeddedServer
from dovetail.group_options import GroupOptions

group: Callable[..., Group] = partial(Group, "orders")
queue: Callable[..., Any] = partial(connect, "memory://")


class Ask(Request[int], frozen=True, subject="requests.ask"):
    pass


class Happened(Event, frozen=True, subject="events.happened"):
    pass


class WithoutText:
    """Whose representation fails."""

    def __repr__(self) -> str:
        raise ValueError("no text")


async def asynchronous(error: Exception) -> bool:
    return True


def of_two(error: Exception, more: int) -> bool:
    return True


NO_NUMBER = ["2", None, True, math.nan, math.inf, -math.inf, -1, [2], Decimal(2), 1e300, 10**400]
NO_COUNT = [0, -1, 2.5, 2.0, "2", True, None, math.nan, 10**9]

WRONG: list[tuple[Callable[..., Any], str, list[Any]]] = [
    (group, "retry", [2, None, "5", Backoff, {"tries": 2}, timedelta(seconds=2)]),
    (group, "start", ["latest", "", None, True, 0, "First", ["new"]]),
    (group, "lease", [*NO_NUMBER, 0, 0.5, timedelta(0), timedelta(days=-1), timedelta(days=10**6)]),
    (group, "concurrency", NO_COUNT),
    (group, "prefetch", NO_COUNT),
    (group, "timeout", [one for one in NO_NUMBER if one is not None] + [0, timedelta(0)]),
    (
        group,
        "not_ready",
        [
            ConnectionError,
            [ConnectionError],
            {ConnectionError},
            (ConnectionError, "x"),
            (ConnectionError(),),
            (KeyboardInterrupt,),
            (Exception,),
            (OSError, Exception),
            None,
            True,
            "ConnectionError",
            asynchronous,
            of_two,
            lambda: True,
        ],
    ),
    (Backoff, "first", [*NO_NUMBER, 0, timedelta(0)]),
    (Backoff, "most", [*NO_NUMBER, 0.1, timedelta(milliseconds=1)]),
    (Backoff, "tries", [*(one for one in NO_COUNT if one != 10**9), 10**400]),
    (Backoff, "factor", [0.5, 0, "2", None, True, math.nan, math.inf, 1e300]),
    (Backoff, "jitter", [-0.1, 1, "0", None, True, math.nan]),
    (queue, "source", [None, "", " ", 5, b"a", "a\nb", "\udc80", "a\x1b[0m", True, "é" * 501]),
    (queue, "timeout", [*NO_NUMBER, 0, timedelta(0)]),
    (queue, "patience", ["5", True, math.nan, math.inf, -1, timedelta(-1)]),
    (queue, "setting", [None, "", 5]),
    (queue, "keep", [0, 3600, 3600.0, "7d", True, timedelta(-1)]),
    (queue, "replicas", [0, 1.5, "3", True, None, 8, 10**9]),
    (queue, "limit_bytes", [0, -1, 1e9, "1G", True, 2**63, 10**400]),
    (queue, "tracer", [Tracer, Observer(), "tracer", True]),
    (EmbeddedServer, "data_dir", [None, 5, b"data"]),
    (partial(EmbeddedServer, "data"), "port", ["4222", None, 4222.0, True]),
    (partial(EmbeddedServer, "data"), "host", [None, "", 5, "a\nb"]),
    (partial(EmbeddedServer, "data"), "sync", ["yes", True, 1, ""]),
    (partial(EmbeddedServer, "data"), "open", [None, "false", 0]),
    (partial(Retry, "why"), "after", [one for one in NO_NUMBER if one is not None]),
]


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        pytest.param(call, name, value, id=f"{name}-{number}-{case}")
        for case, (call, name, values) in enumerate(WRONG)
        for number, value in enumerate([*values, WithoutText(), object()])
    ],
)
def test_wrong_value_is_named_with_what_is_allowed(
    call: Callable[..., Any], name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        call(**{name: value})
    text = str(caught.value)
    assert f"{name}=" in text
    assert f" is not allowed; {name} is " in text
    assert "\n" not in text
    assert len(text) < 350


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"lease": timedelta(seconds=30)}, {"lease": 30.0}),
        ({"timeout": timedelta(milliseconds=1)}, {"timeout": 0.001}),
        ({"timeout": None}, {"timeout": None}),
        ({"lease": 1, "prefetch": 1, "concurrency": 1}, {"lease": 1.0}),
        ({"not_ready": (OSError, TimeoutError)}, {"not_ready": (OSError, TimeoutError)}),
        ({"not_ready": ()}, {"not_ready": ()}),
        ({"start": "new"}, {"start": "new"}),
    ],
)
def test_right_options_of_groups(given: Any, taken: dict[str, Any]) -> None:
    options = Group("orders", **given).options
    assert {name: getattr(options, name) for name in taken} == taken


def test_times_of_a_backoff_may_be_timedeltas() -> None:
    assert Backoff(timedelta(seconds=1), timedelta(minutes=5)) == Backoff(first=1, most=300)


@pytest.mark.parametrize("given", [2, 2.0, timedelta(seconds=2)])
def test_times_of_connect(given: Any) -> None:
    options = connect("memory://", timeout=given, patience=given).options
    assert (options.timeout, options.patience) == (2.0, 2.0)
    assert connect("memory://", patience=None, keep=timedelta(0)).options.patience is None


@pytest.mark.parametrize(
    ("call", "wrong", "says"),
    [
        (group, "leas", "did you mean lease\\?"),
        (group, "time_out", "did you mean timeout\\?"),
        (group, "batch_size", "There are: retry, start, lease"),
        (queue, "time_out", "did you mean timeout\\?"),
        (queue, "max_bytes", "did you mean limit_bytes\\?"),
        (queue, "retries", "There are: source"),
        (Backoff, "try", "did you mean tries\\?"),
        (Backoff, "maximum", "There are: first, most, tries, factor, jitter"),
    ],
)
def test_unknown_option(call: Callable[..., Any], wrong: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"has no option '{wrong}'; .*{says}"):
        call(**{wrong: 3})
    with pytest.raises(TypeError, match=wrong):
        call(**{wrong: 3})


ADDRESSES = [
    "nats://localhost",
    "redis://localhost",
    "amqp://localhost",
    "memory://x",
    "embedded:x",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("option", ["timeout", "patience", "keep", "source", "replicas"])
def test_options_of_connect_are_not_in_the_address(address: str, option: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connect\(url, {option}=…\)"):
        connect(f"{address}?{option}=5")


@pytest.mark.parametrize("address", ADDRESSES)
def test_unknown_parameter_of_an_address(address: str) -> None:
    with pytest.raises(ConfigurationError, match="SHOP_QUEUE"):
        connect(f"{address}?part=5", setting="SHOP_QUEUE")


@pytest.mark.parametrize("url", [None, 5, b"memory://", ["memory://"], timedelta(1)])
def test_address_that_is_no_text(url: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"address is of the type [A-Za-z]+; it is a text"):
        connect(url)


@pytest.mark.parametrize("after", [0, 2, 2.0, timedelta(seconds=2), None])
def test_right_pauses_of_retry(after: Any) -> None:
    taken = Retry("not yet", after=after).after
    assert taken == (after.total_seconds() if isinstance(after, timedelta) else after)


def test_pause_that_is_set_later_or_by_a_subclass_is_checked_too() -> None:
    class Later(Retry):
        def __init__(self) -> None:
            self.after = timedelta(minutes=1)

    assert Later().after == 60
    error = Retry("why")
    with pytest.raises(ConfigurationError, match="after='2'"):
        error.after = "2"  # type: ignore[assignment]
    assert error.after is None


@pytest.mark.parametrize("pause", [5, 2.5, timedelta(seconds=1), None])
def test_pause_in_the_place_of_the_reason(pause: Any) -> None:
    with pytest.raises(ConfigurationError, match="after="):
        Retry(pause)


@pytest.mark.parametrize("kind", [Retry, Reject, NotReady])
def test_reasons(kind: type[Exception]) -> None:
    assert str(kind()) == ""
    assert str(kind("why")) == "why"
    assert str(kind(ValueError("why"))) == "why"


def fails(error: Exception) -> bool:
    raise LookupError("no such code")


def gives_no_bool(error: Exception) -> Any:
    return WithoutTruth()


class WithoutTruth:
    def __bool__(self) -> bool:
        raise TypeError("neither")


@pytest.mark.parametrize("wrong", [fails, gives_no_bool])
def test_not_ready_that_raises_says_no(
    wrong: Callable[[Exception], bool], caplog: pytest.LogCaptureFixture
) -> None:
    options = GroupOptions.of("orders", {"not_ready": wrong})
    with caplog.at_level(logging.ERROR, "dovetail.worker"):
        assert not options.is_not_ready(ValueError("it"))
    assert "not_ready itself raised" in caplog.text
    assert "ValueError('it')" in caplog.text


@pytest.mark.parametrize(
    "option",
    [{"drain": one} for one in ("2", -1, None, math.nan, math.inf, True)]
    + [{"observers": one} for one in (Observer, Observer(), [Observer], "x", 5)],
)
def test_options_of_workers(option: dict[str, Any]) -> None:
    [name] = option
    with pytest.raises(ConfigurationError, match=f"Worker: {name}="):
        Worker(connect("memory://"), [], **option)


def test_worker_drains_for_a_timedelta() -> None:
    Worker(connect("memory://"), [], drain=timedelta(seconds=1), observers=(Observer(),))


@pytest.mark.parametrize(
    ("batch", "every"), [(-1, False), (2.5, False), ("5", False), (True, False), (0, 1), (0, None)]
)
def test_options_of_on(batch: Any, every: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Group\('orders'\)\.on: (batch|every_member)="):
        Group("orders").on(Ask, batch=batch, every_member=every)


def test_every_member_is_for_requests() -> None:
    with pytest.raises(ConfigurationError, match="every_member is for requests"):
        Group("orders").on(Happened, every_member=True)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        *(("request", {"timeout": one}) for one in (0, "1", None, math.nan, True)),
        *(("gather", {"timeout": one}) for one in (0, "1", None, math.inf)),
        *(("gather", {"stall": one}) for one in (0, "1", True)),
        *(("gather", {"most": one}) for one in (0, 1.5, "1", True)),
    ],
)
async def test_options_of_asking(verb: str, wrong: dict[str, Any]) -> None:
    [name] = wrong
    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match=f"{verb}: {name}="):
            await getattr(queue, verb)(Ask(), **wrong)


async def test_options_of_the_rest() -> None:
    async with connect("memory://") as queue:
        with pytest.raises(ConfigurationError, match="ping: timeout="):
            await queue.ping(0)
        with pytest.raises(ConfigurationError, match="publish: durable='no'"):
            await queue.publish(Happened(), durable="no")  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="publish_raw: durable=None"):
            await queue.publish_raw("events.raw", b"", durable=None)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="waiting: most="):
            await queue.waiting(Happened, "orders", most=0)
        with pytest.raises(ConfigurationError, match="waiting: most="):
            await queue.waiting(Happened, "orders", most=10**30)
        with pytest.raises(ConfigurationError, match="publish: traceparent="):
            await queue.publish(Happened(), traceparent="0" * 70_000)
        for ids in (5, "a", {"a"}, iter("a")):
            with pytest.raises(ConfigurationError, match="ids as a list of texts"):
                await queue.publish_many([Happened()], ids=ids)  # type: ignore[arg-type]
        await queue.ping(timedelta(seconds=1))
        with pytest.raises(NobodyListening):
            await queue.request(Ask(), timeout=timedelta(seconds=1))
        limit = timedelta(seconds=1)
        assert (await queue.gather(Ask(), timeout=limit, stall=limit)).stopped == "nobody"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ids": one} for one in ("5", 5, b"5", [5], [None], [["5"]])),
        *({name: one} for name in ("group", "subject", "reason") for one in (5, Happened, b"a")),
        *({"before": one} for one in ("2025-01-01", 5, timedelta(days=1))),
        *({"most": one} for one in ("5", 2.5, True, 0, -1, 10**30)),
    ],
)
async def test_wrong_filters_of_dead_letters_touch_none(wrong: Any) -> None:
    [name] = wrong
    async with connect("memory://") as queue:
        letters = queue.dead_letters
        for call in (letters.list, letters.replay_all, letters.drop_all):
            with pytest.raises(ConfigurationError, match=f"dead letters: {name}="):
                await call(**wrong)
            with pytest.raises(ConfigurationError, match="no option 'groups'; did you mean group"):
                await call(groups="x")  # type: ignore[call-arg]
        for one in ("5", None, DeadLetter):
            with pytest.raises(ConfigurationError, match="letter is a dead letter"):
                await letters.replay(one)  # type: ignore[arg-type]
            with pytest.raises(ConfigurationError, match="letter is a dead letter"):
                await letters.drop(one)  # type: ignore[arg-type]


@pytest.mark.parametrize("id", ["", " ", 5, b"1", "a\r\nNats-Rollup: all", "\udc80", True])
async def test_ids_that_some_queue_could_not_carry(id: Any) -> None:
    async with connect("memory://") as queue:
        for publish in (
            lambda: queue.publish(Happened(), id=id),
            lambda: queue.publish_many([Happened()], ids=[id]),
            lambda: queue.publish_raw("events.raw", b"{}", id=id),
        ):
            with pytest.raises(ConfigurationError, match="id="):
                await publish()
        with pytest.raises(ConfigurationError, match="traceparent="):
            await queue.publish(Happened(), traceparent=id)


def test_a_time_is_the_same_in_every_spelling() -> None:
    assert {seconds()(one) for one in (90, 90.0, timedelta(minutes=1.5))} == {90.0}
