"""What an item may be, and items made from the texts of an import."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import new_id
from todo.items import MAX_LENGTH, InvalidItem, checked_text, items_of


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
    "text", ["", "  ", "\n\t\u2003", "x" * 257, None, 7, ["x"], "a\0b", "\ud800"]
)
def test_texts_that_are_not(text: object) -> None:
    with pytest.raises(InvalidItem) as raised:
        checked_text(text)
    assert str(raised.value).endswith(".")


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
