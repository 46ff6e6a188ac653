"""How times and numbers are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from todo.web.templating import age, largest_unit, thousands, visible


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, ("s", 0)),
        (59.4, ("s", 59)),
        (60, ("min", 1)),
        (59 * 60 + 59, ("min", 59)),
        (23 * 3600, ("h", 23)),
        (3 * 86_400 + 5, ("d", 3)),
        (-1e308, ("s", 0)),
        (1e300, ("d", int(1e300 // 86_400))),
    ],
)
def test_lengths_of_time(seconds: float, shown: tuple[str, int]) -> None:
    assert largest_unit(seconds) == shown


def test_ages() -> None:
    assert 3600 <= age(datetime.now(UTC) - timedelta(hours=1)) < 3660


def test_thousands() -> None:
    assert [thousands(number) for number in (0, 999, 1234567)] == ["0", "999", "1,234,567"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("milk", "milk"),
        ("", "(no text)"),
        ("\u200b\u3164", r"\u200b\u3164"),
        ("x" * 5000, "x" * 256 + "…"),
    ],
)
def test_every_text_can_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown
