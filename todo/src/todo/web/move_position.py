"""The position that moves an item to where somebody wants it. The top of the list has the greatest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from todo.items import InvalidItem, Item
from todo.positions import between, checked_position, position_of
from todo.store import Store
from todo.store.query import Query

_DOWN, _UP = Query(sort="-position"), Query(sort="position")


async def position_for(store: Store, item: Item | None, fields: Mapping[str, str]) -> str | None:
    """By one of the fields `position`, `direction`, `after` and `before`: the id of the item above, or below.

    None where it is there already. Raises InvalidItem and StoreUnavailable.
    """
    if position := fields.get("position"):
        return checked_position(position)
    if other := fields.get("after") or fields.get("before"):
        neighbour = await store.get(other)
        if neighbour is None:
            raise InvalidItem("The item beside which it is to stand is not there.")
        return await _beside(store, neighbour, item, below="after" in fields)
    return await _towards(store, item, fields.get("direction", ""))


async def _beside(store: Store, neighbour: Item, item: Item | None, *, below: bool) -> str:
    beyond = await _from(store, neighbour, 1, item, down=below)
    here, there = position_of(neighbour), position_of(beyond[0]) if beyond else None
    return between(there, here) if below else between(here, there)


async def _towards(store: Store, item: Item | None, direction: str) -> str | None:
    if item is None:
        raise InvalidItem("The item is not there.")
    if direction in ("top", "bottom"):
        ends = await store.page(_DOWN if direction == "top" else _UP, limit=1)
        if not ends.items or ends.items[0].id == item.id:
            return None
        end = position_of(ends.items[0])
        return between(end, None) if direction == "top" else between(None, end)
    if direction not in ("up", "down"):
        raise InvalidItem("It can be moved up, down, top or bottom.")
    down = direction == "down"
    beyond = [position_of(one) for one in await _from(store, item, 2, item, down=down)]
    if not beyond:
        return None
    first, second = beyond[0], beyond[1] if len(beyond) > 1 else None
    return between(second, first) if down else between(first, second)


async def _from(
    store: Store, start: Item, most: int, without: Item | None, *, down: bool
) -> Sequence[Item]:
    """The items behind this one, in that direction."""
    ids = {start.id, without.id if without else start.id}
    query = _DOWN if down else _UP
    page = await store.page(query, after=position_of(start), limit=most + len(ids))
    return [item for item in page.items if item.id not in ids][:most]
