"""What an item may be, and items made from the texts of an import."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import new_id
from todo.items import MAX_LENGTH, InvalidItem, Item, checked_text, is_blank, items_of
from todo.validation import validated_item


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("buy milk", "buy milk"),
        ("  buy milk\n", "buy milk"),
        ("x", "x"),
        ("ä" * MAX_LENGTH, "ä" * MAX_LENGTH),
        ("📚" * MAX_LENGTH, "📚" * MAX_LENGTH),
        ("two\nlines", "two\nlines"),
    ],
)
def test_texts_that_are_items(text: str, kept: str) -> None:
    assert checked_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "\n\t\u2003", "x" * 257, None, 7, ["x"], "a\0b", "\ud800"),
        *(
            "\u200b",
            "\ufeff \u2060",
            "\u3164",
            "\u2800\u2800",
            "\ufe0f",
            "\x1b\x9b",
            "\u202e\u2069",
        ),
        *(
            "\xad",
            "\u115f\u1160",
            "\uffa0",
            "\u034f",
            "\U000e0041\U000e007f",
            "\U0001d159",
            "\u17b4",
        ),
    ],
)
def test_texts_that_are_not(text: object) -> None:
    with pytest.raises(InvalidItem) as raised:
        checked_text(text)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "👨\u200d👩\u200d👧",
        "❤\ufe0f",
        "نم\u200cی",
        "\u200fשל",
        "\u0301",
        "\x1b[31m",
        "\ue000",
        "-",
    ],
)
def test_what_is_seen_may_have_invisible_characters_beside_it(text: str) -> None:
    assert checked_text(text) == text


def test_what_unicode_calls_invisible_is_blank() -> None:
    seen = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"):
            hieroglyph = 0x13430 <= code <= 0x1343F
            assert is_blank(character) != (character in seen or hieroglyph), hex(code)
        elif category[0] in "LNPS" and is_blank(character):
            name = unicodedata.name(character)
            assert re.search("FILLER|BLANK|NULL NOTEHEAD", name), name


@pytest.mark.parametrize(
    ("date", "saved"),
    [
        ("0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00"),
        ("2026-01-02T12:00:00+02:00", "2026-01-02T10:00:00+00:00"),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-00:01", None),
    ],
)
def test_dates_are_kept_in_utc(date: str, saved: str | None) -> None:
    item = Item("a", "x", datetime.fromisoformat(date))
    if saved is None:
        with pytest.raises(InvalidItem, match="outside the years"):
            validated_item(item)
    else:
        assert validated_item(item).date_added.isoformat() == saved


@pytest.mark.parametrize("item_id", ["a\0b", "\ud800"])
def test_ids_that_cannot_be_kept(item_id: str) -> None:
    with pytest.raises(InvalidItem, match="id holds"):
        validated_item(Item(item_id, "x", datetime.now(UTC)))


def test_an_import_makes_the_same_items_again() -> None:
    cause = new_id()
    assert items_of(["a", "b"], cause) == items_of(["a", "b"], cause)
    assert items_of(["a"], cause) != items_of(["a"], new_id())


def test_the_items_of_an_import_keep_their_order_and_its_time() -> None:
    cause = new_id()
    items = items_of([str(number) for number in range(5000)], cause)
    ids = [one.id for one in items]
    assert ids == sorted(set(ids))
    assert all(uuid.UUID(one).version == 7 for one in ids)
    assert cause[:13] == ids[0][:13]
    assert abs(items[0].date_added - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "cause",
    ["", "import-1", str(uuid.uuid4()), str(uuid.UUID(int=0)), "f" * 12 + "-7" * 2],
    ids=["empty", "word", "random", "zero", "too short"],
)
def test_an_import_needs_an_id_that_tells_its_time(cause: str) -> None:
    with pytest.raises(InvalidItem, match="UUIDv7"):
        items_of(["a"], cause)


def test_an_import_is_made_whole_or_not_at_all() -> None:
    with pytest.raises(InvalidItem):
        items_of(["a", " "], new_id())
