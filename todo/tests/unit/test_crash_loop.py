"""A component that fails at its start again and again is not started for ever."""

from __future__ import annotations

import asyncio

import pytest

from dovetail import Backoff
from todo.up import child as module
from todo.up.child import MOST_FAILURES, Child, Ending
from todo.up.instances import Instance
from todo.up.output import Output


class Failing(Child):
    """Ends with these statuses, one after another."""

    statuses: list[int]
    starts = 0

    async def _run_once(self) -> Ending:
        self.starts += 1
        return Ending(
            self.instance.name, self.statuses[self.starts - 1], "there is too little memory"
        )


def failing(statuses: list[int], monkeypatch: pytest.MonkeyPatch) -> Failing:
    monkeypatch.setattr(module, "RESTARTS", Backoff(first=0.001, most=0.002))
    child = Failing(Instance("web", "web"), {}, Output(["web"], prefixes=False, colours=False))
    child.statuses = statuses
    return child


async def test_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    child = failing([1] * 99, monkeypatch)
    ending = await asyncio.wait_for(child.keep_running(), 20)
    assert ending == Ending("web", 1, "there is too little memory", hopeless=True)
    assert child.starts == MOST_FAILURES


async def test_one_that_is_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    child = failing([*[1, 1, -9] * 10, 2], monkeypatch)
    ending = await asyncio.wait_for(child.keep_running(), 20)
    assert (ending.status, ending.hopeless, child.starts) == (2, False, 31)
