"""What is not ours can neither steer a terminal nor forge a line."""

from __future__ import annotations

import json
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail import LogFormatter, printable

#: Of the category Cf, what a reader sees, or what joins the letters of scripts and emoji.
KEPT = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
FORGED = "ok\n12:00:00 ERROR everything is lost\r\x1b[2K\x1b]8;;http://evil\x07\x9b31m\u202e\u2028x"

any_text = st.text(st.characters()) | st.text(st.sampled_from("ab\n\r\x1b\x85\u2028\u202e\ud800"))


def unsafe(character: str) -> bool:
    hieroglyph = "\U00013430" <= character <= "\U0001343f"
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not (
        character in KEPT or hieroglyph
    )


def test_every_character_that_steers_or_hides_is_written_out() -> None:
    for code in range(0x110000):
        character = chr(code)
        assert (printable(character) != character) == unsafe(character), hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 日本 🎉 👨‍👩‍👧 \\ [red] 100 %s", "Grüße, 日本 🎉 👨‍👩‍👧 \\ [red] 100 %s"),
        ("a\tb\nc\r", r"a\tb\nc\r"),
        ("\x1b[31m\x9b\x7f\0", r"\x1b[31m\x9b\x7f\x00"),
        ("\u202eevil\u2069\u200f\u061c", r"\u202eevil\u2069\u200f\u061c"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_written_instead(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(any_text)
def test_json_says_the_same_as_before(text: str) -> None:
    written = printable(json.dumps({"text": text}, ensure_ascii=False), json=True)
    assert json.loads(written) == {"text": text}
    assert not any(map(unsafe, written))


def logged(message: str, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), info)
    record.exc_text = "of another formatter" if error else None
    record.stack_info = message
    return LogFormatter("12:30:01 %(levelname)s %(name)s: %(message)s").format(record)


@given(any_text)
def test_a_record_is_one_line_and_what_is_below_is_indented(text: str) -> None:
    first, *below = logged(text, ValueError(text)).split("\n")
    assert first == f"12:30:01 INFO x: {printable(text)}"
    assert all(row.startswith("  ") or not row for row in below)
    assert not any(map(unsafe, "".join([first, *below])))


def test_a_traceback_can_be_read() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int(FORGED)
    rows = logged(FORGED, raised.value).split("\n")
    assert rows[1] == "  Traceback (most recent call last):"
    assert rows[2].startswith('    File "')
    assert any(row.startswith("  ValueError: invalid literal for int()") for row in rows)
    assert not [row for row in rows[1:] if row.startswith("12:00:00")]
