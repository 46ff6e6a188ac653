"""What groups are called. A group that was renamed keeps its place; only the name is remembered anew."""

from __future__ import annotations

from collections.abc import Mapping

from dovetail import clock


def renamed(places: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """What is to be remembered when a group is renamed. The old name gets a place that nobody had."""
    return {new: places.get(old, old), old: f"{old}+{clock.token(4)}"}
