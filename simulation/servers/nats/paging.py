"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def page(
    key: str,
    names: Sequence[str],
    wanted: dict[str, Any],
    most: int,
    told: Callable[[str], Any] = str,
    empty: object = (),
) -> dict[str, Any]:
    """One page, as the API has it; a whole list without anything is `empty`."""
    offset = wanted.get("offset", 0)
    rows = [told(name) for name in names[offset : offset + most]]
    shown: object = rows if names else empty
    return {"total": len(names), "offset": offset, "limit": most, key: shown}
