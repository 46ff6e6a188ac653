"""How often a line says that the queue is still waited for."""

from __future__ import annotations

import pytest

from dovetail import clock
from dovetail.network import connecting


def test_an_hour_has_fewer_than_twenty_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(clock, "monotonic", lambda: now)
    reports, said = connecting.Reports(), []
    for second in range(3600):
        now = 1000.0 + second
        if reports.due():
            said.append(second)
    assert said[:4] == [5, 15, 35, 75]
    assert len(said) < 20
