"""Reminders become seldom."""

from __future__ import annotations

from itertools import pairwise

import pytest

from todo import log_backoff
from todo.log_backoff import LogBackoff


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_an_hour_has_fewer_than_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(log_backoff, "time", clock)
    one, said = LogBackoff(), []
    for second in range(3600):
        clock.now = 1000.0 + second
        if one.due():
            said.append(second)
    assert said[:5] == [0, 10, 30, 70, 150]
    assert max(later - earlier for earlier, later in pairwise(said)) == 300
    assert len(said) < 20
