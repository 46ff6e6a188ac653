"""How times and numbers are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from todo.web.templating import age, moment, thousands


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-3), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
    ],
)
def test_ages(ago: timedelta, shown: str) -> None:
    assert age(datetime.now(UTC) - ago) == shown


def test_a_moment_is_readable_for_people_and_programs() -> None:
    time = datetime(2026, 1, 2, 12, 4, 5, tzinfo=UTC)

    html = moment(time)

    assert f'datetime="{time.isoformat()}"' in html
    assert f"{time.astimezone():%H:%M}</time>" in html


def test_thousands() -> None:
    assert [thousands(number) for number in (0, 999, 1234567)] == ["0", "999", "1,234,567"]
