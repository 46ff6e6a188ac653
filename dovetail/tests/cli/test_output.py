"""How values are shown. Pure functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from dovetail.cli.output import (
    as_json,
    date_and_time,
    line,
    note,
    one_line,
    pretty,
    shown,
    size,
    span,
)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (123, "2 m 3 s"),
        (3600, "1 h"),
        (3601, "1 h 1 s"),
        (90_061, "1 d 1 h"),
    ],
)
def test_span(seconds: float, says: str) -> None:
    assert span(seconds) == says


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**9, "5.0 GB"),
        (2 * 10**15, "2,000.0 TB"),
    ],
)
def test_size(amount: int, says: str) -> None:
    assert size(amount) == says


def test_shown() -> None:
    assert shown({"a": "ä\x1b"}) == '{"a":"ä\\u001b"}'
    assert shown({"a": "\x9b\u202e"}) == r'{"a":"\u009b\u202e"}'
    assert shown(b"two\nlines") == "two\nlines"
    assert shown("text") == '"text"'
    assert shown(None) == "null"


@pytest.mark.parametrize("write", [line, note])
def test_each_row_is_one_line(
    write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write("a\nb\x1b[0m", "\u202ec")
    assert "".join(capsys.readouterr()) == "a\\nb\\x1b[0m\n\\u202ec\n"


def test_one_line() -> None:
    assert one_line("a\n  b\u2028\x85c") == "a b c"


def test_pretty() -> None:
    assert pretty({"a": [1]}) == ["{", '  "a": [', "    1", "  ]", "}"]
    assert pretty("\u202e\n") == [r'"\u202e\n"']
    assert pretty(b"\xff") == [r"b'\xff'"]


def test_json_is_for_every_reader() -> None:
    text = "\x00\x7f\x9b\u2028\u202e\U000e0041ü📚"
    assert json.loads(as_json(text)) == text
    assert as_json(text) == r'"\u0000\u007f\u009b\u2028\u202e\udb40\udc41ü📚"'


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "UTC"])
def test_every_moment_can_be_shown(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for year in (1, 9999):
            moment = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=UTC)
            assert date_and_time(moment).lstrip("0").startswith(str(year))
    finally:
        monkeypatch.undo()
        time.tzset()
