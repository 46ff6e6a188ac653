"""What due dates, tags and notes may be."""

from __future__ import annotations

import pytest

from todo.fields import (
    MAX_DUE_LENGTH,
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    checked_due,
    checked_notes,
    checked_tags,
)
from todo.items import InvalidItem


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (None, None),
        ("", None),
        ("2026-12-03", "2026-12-03"),
        (" 2024-02-29 ", "2024-02-29"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
        ("2026-12-03T18:30:00+01:00", "2026-12-03T18:30:00+01:00"),
        ("2026-12-03t18:30:00.5z", "2026-12-03T18:30:00.5Z"),
        ("2026-12-03T18:30:00.123456-11:30", "2026-12-03T18:30:00.123456-11:30"),
    ],
)
def test_due_dates(text: str | None, kept: str | None) -> None:
    assert checked_due(text) == kept
    assert kept is None or len(kept) <= MAX_DUE_LENGTH


@pytest.mark.parametrize(
    "text",
    [
        *("tomorrow", "2026-13-01", "2026-02-30", "2023-02-29", "0000-01-01", "26-12-03"),
        *("2026-12-03T18:30", "2026-12-03 18:30:00Z", "2026-12-03T24:00:01Z", "20261203"),
        *(
            "2026-12-03T18:30:00",
            "2026-12-03T18:30:60Z",
            "2026-12-03T18:30:00+24:00",
            "\uff12026-12-03",
        ),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01", "2026-12-03T18:30:00.1234567Z"),
        *(7, True, ["2026-12-03"], "2026-12-03\0"),
    ],
)
def test_what_is_no_due_date(text: object) -> None:
    with pytest.raises(InvalidItem) as raised:
        checked_due(text)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ([], ()),
        (["home", "Home", "work", "HOME"], ("home", "work")),
        (["早", "👨\u200d👩\u200d👧", "c#", "a/b"], ("早", "👨\u200d👩\u200d👧", "c#", "a/b")),
        (["x" * MAX_TAG_LENGTH], ("x" * MAX_TAG_LENGTH,)),
        ([str(one) for one in range(MAX_TAGS)], tuple(map(str, range(MAX_TAGS)))),
    ],
)
def test_tags(tags: list[str], kept: tuple[str, ...]) -> None:
    assert checked_tags(tags) == kept


@pytest.mark.parametrize(
    "tags",
    [
        *("home", None, 7, {"home": 1}, [7], [None], [["home"]]),
        *([""], [" "], ["\u200b"], ["two words"], ["a\u3000b"], ["a,b"], ["#home"], ["a\x1bb"]),
        *(["a\0"], ["\ud800"], ["x" * 51], [str(one) for one in range(21)]),
    ],
)
def test_what_is_no_list_of_tags(tags: object) -> None:
    with pytest.raises(InvalidItem) as raised:
        checked_tags(tags)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        (" \n\u200b", ""),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        (" \u202e<b> ", " \u202e<b> "),
        ("\r\n" * (MAX_NOTES_LENGTH - 1) + "x", "\n" * (MAX_NOTES_LENGTH - 1) + "x"),
    ],
    ids=["empty", "blank", "line ends", "signs", "long"],
)
def test_notes(text: str, kept: str) -> None:
    assert checked_notes(text) == kept


@pytest.mark.parametrize(
    "text", [None, 7, ["x"], "a\0", "\ud800", "x" * (MAX_NOTES_LENGTH + 1)], ids=range(6)
)
def test_what_is_no_note(text: object) -> None:
    with pytest.raises(InvalidItem) as raised:
        checked_notes(text)
    assert str(raised.value).endswith(".")
