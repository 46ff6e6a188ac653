"""Handlers that do what the scenario says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from dovetail import Backoff, Context, Group, NotReady, Received, Reject, Retry
from dovetail.codec.subjects import matches
from simulation.history import History
from simulation.loop import SimulationLoop
from simulation.messages import TYPES, UNREADABLE
from simulation.scenario import Behaviour, Claimed, GroupPlan, Scenario

#: What these do counts as a failed attempt.
_FAILING = {
    "fails",
    "retry after",
    "cancels itself",
    "exits",
    "returns rubbish",
    "returns what nobody can read",
}

#: The longest pause between two attempts.
MOST_PAUSE_SECONDS = 5.0


class Handlers:
    """Makes groups, and remembers how often each handler was called for each message."""

    def __init__(self, scenario: Scenario, loop: SimulationLoop, history: History) -> None:
        self._scenario = scenario
        self._loop = loop
        self._history = history
        self._messages = {one.number: one for one in scenario.messages}
        self._calls: Counter[tuple[str, int]] = Counter()
        #: Set once the scenario is over: nothing hangs, blocks or dies any more.
        self.calm = False

    def group(self, plan: GroupPlan, name: str, host: str) -> Group:
        """The group, called so now, as this host runs it."""
        group = Group(
            name,
            retry=Backoff(first=plan.first_pause, most=MOST_PAUSE_SECONDS, tries=plan.tries),
            start=plan.start,
            lease=plan.lease,
            concurrency=plan.concurrency,
            prefetch=plan.prefetch,
            timeout=plan.timeout,
        )
        for claimed in plan.handlers:
            message = TYPES.get(claimed.subject, claimed.subject)
            group.on(message, batch=claimed.batch)(self._function(plan, claimed, host))
        return group

    def _function(self, plan: GroupPlan, claimed: Claimed, host: str) -> Any:
        one, many = (
            partial(self._one, plan, claimed, host),
            partial(self._many, plan, claimed, host),
        )

        async def plain(message: Any) -> Any:
            return await one(_number(message))

        async def with_context(message: Any, context: Context) -> Any:
            return await one(_number(message))

        async def batch(messages: list[Any]) -> Any:
            return await many([_number(message) for message in messages])

        async def batch_with_context(messages: list[Any], contexts: list[Context]) -> Any:
            assert len(contexts) == len(messages)
            return await many([_number(message) for message in messages])

        function: Any
        if claimed.batch:
            function = batch_with_context if claimed.context else batch
        else:
            function = with_context if claimed.context else plain
        return _annotated(function, claimed)

    async def _one(self, plan: GroupPlan, claimed: Claimed, host: str, number: int) -> Any:
        self._say("called", plan, claimed, host, number)
        result = await self._act(plan, claimed, host, number)
        if _can_be_published(result):
            self._say("succeeded", plan, claimed, host, number)
        return result

    async def _many(
        self, plan: GroupPlan, claimed: Claimed, host: str, numbers: Sequence[int]
    ) -> Any:
        for number in numbers:
            self._say("called", plan, claimed, host, number, note=f"of {len(numbers)}")
        results = [await self._act(plan, claimed, host, number) for number in numbers]
        if all(map(_can_be_published, results)):
            for number in numbers:
                self._say("succeeded", plan, claimed, host, number)
        return results

    async def _act(self, plan: GroupPlan, claimed: Claimed, host: str, number: int) -> Any:
        planned = self._messages[number]
        behaviour = planned.behaviour(plan.name)
        nth = self._calls[plan.name, number] = self._calls[plan.name, number] + 1
        caused = [self._made(cause) for cause in planned.caused_by(plan.name)]
        if nth > behaviour.times or (self.calm and behaviour.does in ("hangs", "blocks", "dies")):
            return caused
        if behaviour.does in _FAILING:
            self._say("failed", plan, claimed, host, number, note=behaviour.does)
        return await self._misbehave(behaviour, plan, claimed, host, number) or caused

    async def _misbehave(  # noqa: C901 - one line for each
        self, behaviour: Behaviour, plan: GroupPlan, claimed: Claimed, host: str, number: int
    ) -> Any:
        match behaviour.does:
            case "succeeds" | "hangs":
                await self._hang(behaviour.seconds, plan, claimed, host, number)
            case "fails":
                await asyncio.sleep(behaviour.seconds)
                raise ValueError(f"message {number} is wrong")
            case "rejects":
                self._say("failed", plan, claimed, host, number, note="rejects")
                raise Reject("never")
            case "retry after":
                raise Retry("later", after=behaviour.seconds)
            case "not ready":
                self._say("waits", plan, claimed, host, number)
                raise NotReady("the database is down")
            case "blocks":
                self._history.add("frozen", host, note=f"by message {number}")
                await self._loop.block(behaviour.seconds)
                self._history.add("thawed", host)
            case "dies":
                self._history.add("killed", host, note=f"by message {number}")
                self._loop.when_killed(host)
                await self._loop.create_future()
            case "cancels itself":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            case "exits":
                raise SystemExit(3)
            case "returns rubbish":
                return 7
            case "returns what nobody can read":
                return TYPES["sim.a"](number=number, value=UNREADABLE)
        return None

    async def _hang(
        self, seconds: float, plan: GroupPlan, claimed: Claimed, host: str, number: int
    ) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if plan.timeout is not None:
                self._say("failed", plan, claimed, host, number, note="took too long, maybe")
            raise

    def _made(self, number: int) -> Any:
        return TYPES[self._messages[number].subject](number=number)

    def _say(
        self, what: Any, plan: GroupPlan, claimed: Claimed, host: str, number: int, note: str = ""
    ) -> None:
        group = f"{plan.name}/{claimed.subject}"
        self._history.add(what, host, group=group, number=number, note=note)


def _can_be_published(result: Any) -> bool:
    """What handlers return that do as they should is a list."""
    return isinstance(result, list)


def _number(message: Any) -> int:
    return int(message.data["number"] if isinstance(message, Received) else message.number)


def _annotated(function: Any, claimed: Claimed) -> Any:
    """With the type of message that the library checks a handler by."""
    message: Any = TYPES.get(claimed.subject, Received)
    taken = list[message] if claimed.batch else message
    first = "messages" if claimed.batch else "message"
    function.__annotations__ = {**function.__annotations__, first: taken, "return": Any}
    if claimed.context:
        second = "contexts" if claimed.batch else "context"
        function.__annotations__[second] = list[Context] if claimed.batch else Context
    return function


def claims(plan: GroupPlan, subject: str) -> str | None:
    """What a group's history calls its messages of this subject; None where it takes none."""
    for claimed in plan.handlers:
        if matches(claimed.subject, subject):
            return f"{plan.name}/{claimed.subject}"
    return None
