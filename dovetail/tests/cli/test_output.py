"""How values are shown. Pure functions."""

from __future__ import annotations

import pytest

from dovetail.cli.output import one_line, pretty, printable, shown, size, span


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
    assert shown(b"two\nlines") == r"two\nlines"
    assert shown("text") == '"text"'
    assert shown(None) == "null"


def test_printable_keeps_what_people_write() -> None:
    assert printable("Grüße, 日本 🎉 \\ [red]") == "Grüße, 日本 🎉 \\ [red]"
    assert printable("a\tb\u2028c\x7f") == r"a\tb\u2028c\x7f"


def test_one_line() -> None:
    assert one_line("a\n  b\x1b[0m") == r"a b\x1b[0m"


def test_pretty() -> None:
    assert pretty({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty(b"\xff") == r"b'\xff'"
