"""The list while items are being saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dovetail import MessageQueue
from todo.store import Store
from todo.web.asked import Asked
from todo.web.contents import read_contents

from .support import items, publish


async def test_an_item_saved_between_two_readings_stands_there_once(
    queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = items("Buy milk")
    await publish(queue, item)
    look = store.missing

    async def look_and_save(ids: Sequence[str]) -> set[str]:
        missing = await look(ids)
        await store.add([item])
        return missing

    monkeypatch.setattr(store, "missing", look_and_save)
    found = await read_contents(queue, store, Asked(), datetime.now(UTC).date())

    assert [one.item.item for one in found.rest] == ["Buy milk"]
