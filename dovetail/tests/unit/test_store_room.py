"""When a store with a limit counts as full."""

from __future__ import annotations

import pytest

from dovetail import QueueFull
from dovetail.limits import LEAST_ROOM_BYTES
from dovetail.transports.common import store_room
from dovetail.transports.common.store_room import Room


def full(one: Room, stored: int, limit: int | None) -> bool:
    try:
        one.check(stored, limit)
    except QueueFull:
        return True
    return False


def test_without_a_limit_there_is_room() -> None:
    assert not full(Room(), 10**15, None)


def test_what_was_refused_would_be_refused_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Room()
    assert not full(one, 90_000, 100_000)
    assert full(one, 100_000 - LEAST_ROOM_BYTES + 1, 100_000)
    one.refused(20_000)
    assert full(one, 90_000, 100_000)
    assert not full(one, 70_000, 100_000)
    assert full(one, 90_000, 100_000)
    monkeypatch.setattr(store_room, "REFUSAL_SECONDS", 0.0)
    one.refused(20_000)
    assert not full(one, 90_000, 100_000)
