"""There is always a position between two others, and at both ends."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import new_id
from todo.items import InvalidItem, Item
from todo.positions import (
    MAX_POSITION_LENGTH,
    added_position,
    between,
    checked_position,
    position_of,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_an_item_stands_where_it_was_added_until_it_is_moved() -> None:
    made = "019B7E94-3200-7000-8000-00000000000a"
    assert position_of(Item(made, "x", NOON)) == "019b7e9432007000800000000000000ah"
    assert position_of(Item(made, "x", NOON, position="k")) == "k"


def test_items_of_other_ids_stand_by_their_date() -> None:
    before, after = (
        added_position("a", NOON),
        added_position("b", NOON + timedelta(milliseconds=1)),
    )
    assert "019b7e943200" == before[:12] < after[:12]
    for date in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert checked_position(added_position("\0 wild", date))


def test_between_leaves_room_for_whatever_comes() -> None:
    places = [between(None, None)]
    draw = random.Random(7)
    for _ in range(2000):
        gap = draw.randint(0, len(places))
        before = places[gap - 1] if gap else None
        after = places[gap] if gap < len(places) else None
        place = between(before, after)
        assert (before or "") < place < (after or "~")
        assert checked_position(place) == place
        places.insert(gap, place)
    assert max(map(len, places)) < 60


def test_the_same_gap_takes_a_thousand_more() -> None:
    low, high = "h", "i"
    for number in range(1000):
        place = between(low, high)
        low, high = (place, high) if number % 2 else (low, place)
    assert len(low) < 500


def test_the_top_is_below_what_is_added_next() -> None:
    first = added_position(new_id(), NOON)
    top = first
    for _ in range(1000):
        top = between(top, None)
    assert len(top) <= len(first) + 4
    assert top < added_position("01" + "f" * 6 + new_id()[8:], NOON)
    bottom = first
    for _ in range(1000):
        bottom = between(None, bottom)
    assert len(bottom) <= len(first) + 4


def test_two_who_use_one_gap_at_once_do_not_take_the_same_place() -> None:
    assert len({between("h", "i") for _ in range(50)}) > 45
    assert len({between("h", None) for _ in range(50)}) > 40


def test_where_there_is_no_gap_it_is_right_behind_the_first() -> None:
    assert between("h", "h") > "h"
    assert between("k", "h") > "k"


@pytest.mark.parametrize(
    "text", ["", "h0", "H", "a b", "-", None, 7, "h" * (MAX_POSITION_LENGTH + 1)], ids=range(8)
)
def test_what_is_no_position(text: object) -> None:
    with pytest.raises(InvalidItem):
        checked_position(text)
