"""Backoff arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import Backoff


def test_doubles_up_to_the_longest() -> None:
    backoff = Backoff(first=0.2, most=5, jitter=0)
    assert [backoff.pause(attempt) for attempt in range(1, 8)] == pytest.approx(
        [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    )


@given(
    first=st.floats(0.001, 100),
    more=st.floats(0, 1000),
    factor=st.floats(1, 10),
    jitter=st.floats(0, 0.99),
    attempt=st.integers(1, 10_000),
)
def test_jitter_only_shortens(
    first: float, more: float, factor: float, jitter: float, attempt: int
) -> None:
    longest = Backoff(first=first, most=first + more, factor=factor, jitter=0).pause(attempt)
    pause = Backoff(first=first, most=first + more, factor=factor, jitter=jitter).pause(attempt)
    assert longest * (1 - jitter) <= pause <= longest <= first + more
    assert pause > 0


def test_jitter_spreads() -> None:
    backoff = Backoff(first=10, jitter=0.2)
    pauses = {round(backoff.pause(1), 3) for _ in range(100)}
    assert len(pauses) > 50
