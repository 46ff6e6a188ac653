"""How often a line says that the queue is still waited for."""

from __future__ import annotations

import pytest

from dovetail import connecting


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_an_hour_has_fewer_than_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(connecting, "time", clock)
    reports, said = connecting.Reports(), []
    for second in range(3600):
        clock.now = 1000.0 + second
        if reports.due():
            said.append(second)
    assert said[:4] == [5, 15, 35, 75]
    assert len(said) < 20
