"""What several tests of stores do."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from todo.items import Item


def bare(item: Item | None) -> Item | None:
    """The item without what the database adds."""
    return item and msgspec.structs.replace(item, date_saved=None, version="", position="")


def bares(items: Iterable[Item]) -> list[Item | None]:
    """Each of them as `bare` has it."""
    return [bare(one) for one in items]
