"""What an item is after its changes, and the ids that put them into order."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from dovetail import new_id
from todo.changes import (
    amendment,
    change_of,
    derived_change_id,
    edit_of,
    is_change_id,
    later_than,
    moment_of,
)
from todo.events import (
    Change,
    ItemAmended,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemRemoved,
    ItemReopened,
    ItemRestored,
    ItemTagged,
)
from todo.items import Item
from todo.merge import applied, latest, merged, superseded

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ADDED = Item("a", "buy milk", NOON, notes="n")
A, B, C = (f"019b7e94-3200-7000-8000-00000000000{one}" for one in "abc")


def test_in_each_field_the_latest_change_counts() -> None:
    changes: list[Change] = [
        ItemCompleted(id="a", change=A),
        ItemReopened(id="a", change=B),
        ItemEdited(id="a", change=A, item="buy tea"),
        ItemTagged(id="a", change=C, tags=("home",)),
    ]
    for order in permutations(changes):
        assert merged(ADDED, [*order, *order]) == Item(
            "a", "buy tea", NOON, notes="n", tags=("home",), version=C
        )
    assert merged(ADDED, []) == ADDED
    assert merged(None, changes) is None


def test_a_removal_is_a_field_like_the_others() -> None:
    removed, restored = ItemRemoved(id="a", change=A), ItemRestored(id="a", change=B)
    due = ItemDue(id="a", change=C, due="2026-12-03")
    assert merged(ADDED, [due, removed]) is None
    back = merged(ADDED, [restored, due, removed])
    assert back is not None
    assert (back.due, back.version) == ("2026-12-03", C)


def test_one_id_for_several_changes_leaves_one_outcome() -> None:
    one, two = ItemCompleted(id="a", change=A), ItemReopened(id="a", change=A)
    assert latest([one, two]) == latest([two, one])
    first, second = (ItemEdited(id="a", change=A, item=text) for text in ("x", "y"))
    assert latest([first, second]) == latest([second, first]) == {"item": second}


def test_what_waits_is_applied_on_top() -> None:
    changed = applied(ADDED, ItemCompleted(id="a", change=B))
    assert changed is not None
    assert (changed.done, changed.version) == (True, B)
    again = applied(changed, ItemDue(id="a", change=A, due="2026-12-03"))
    assert again is not None
    assert (again.due, again.version) == ("2026-12-03", B)
    assert applied(again, ItemRemoved(id="a", change=C)) is None
    assert applied(None, ItemCompleted(id="a", change=C)) is None
    restored = applied(again, ItemRestored(id="a", change=C))
    assert restored is not None
    assert restored.version == C


@pytest.mark.parametrize(
    ("edits", "lost"),
    [
        ([(A, "")], set()),
        ([(A, ""), (B, A)], set()),
        ([(A, ""), (B, "")], {A}),
        ([(A, ""), (B, A), (C, A)], {B}),
        ([(A, ""), (B, A), (C, "")], {B}),
        ([(A, ""), (B, ""), (C, B)], set()),
    ],
)
def test_texts_that_were_replaced_unseen(edits: list[tuple[str, str]], lost: set[str]) -> None:
    changes = [ItemEdited(id="a", change=change, seen=seen, item="x") for change, seen in edits]
    other = ItemCompleted(id="a", change=C)
    for order in permutations([*changes, other]):
        assert superseded(order) == lost


# Ids of changes


def test_a_change_is_later_than_what_was_seen_whatever_the_clock_says() -> None:
    now = later_than("")
    assert is_change_id(now)
    assert abs(moment_of(now) - datetime.now(UTC)) < timedelta(minutes=1)
    ahead = "0fedcba9-8765-7fff-8000-000000000000"
    ids = {later_than(ahead) for _ in range(100)}
    assert len(ids) == 100
    assert all(is_change_id(one) and one > ahead for one in ids)
    assert all(uuid.UUID(one).version == 7 for one in ids)
    change = change_of(ItemEdited, "a", after=ahead, seen=A, item="x")
    assert (change.seen, change.change > ahead) == (A, True)
    assert change_of(ItemCompleted, "a", after=ahead).seen == ahead


@pytest.mark.parametrize(
    "text",
    ["", "x", str(uuid.uuid4()), A.upper(), "f" + A[1:], f"{A} ", A.replace("-7", "-4", 1)],
    ids=range(7),
)
def test_what_is_no_id_of_a_change(text: str) -> None:
    assert not is_change_id(text)


def test_parts_of_one_request_have_the_same_ids_again() -> None:
    cause = new_id()
    assert derived_change_id(cause, "due") == derived_change_id(cause, "due")
    assert derived_change_id(cause, "due") != derived_change_id(cause, "tags")
    assert is_change_id(derived_change_id(cause, "due"))
    assert moment_of(derived_change_id(cause, "due")) == moment_of(cause)


def test_an_amendment_is_later_than_what_is_shown_and_earlier_than_what_people_change() -> None:
    first = amendment(ADDED, "buy bread")
    assert first == amendment(ADDED, "buy bread")
    assert moment_of(first.change) == NOON
    assert first.change < change_of(ItemEdited, "a", item="x").change
    shown = Item("a", "buy milk", NOON, version=A)
    assert A < amendment(shown, "buy bread").change < "019b7e94-3201-7000-8000-000000000000"
    old = Item("a", "x", datetime(1, 1, 1, tzinfo=UTC))
    assert is_change_id(amendment(old, "y").change)


def test_amendments_of_older_releases_are_changes_too() -> None:
    edit = edit_of(ItemAmended(Item("a", "buy bread", NOON)))
    assert edit == edit_of(ItemAmended(Item("a", "buy bread", NOON)))
    assert (edit.item, moment_of(edit.change)) == ("buy bread", NOON)
    numbered = edit_of(ItemAmended(Item("a", "buy bread", NOON), A))
    assert numbered.change == A
