"""Writes a scenario as Python, so that it can be pasted into regressions.py."""

from __future__ import annotations

import dataclasses
from typing import Any

INDENT = "    "
#: Longer lines are broken.
WIDTH = 96


def source(value: Any, depth: int = 0) -> str:
    """As Python; fields that have their default values are left out."""
    if dataclasses.is_dataclass(value):
        parts = [
            f"{one.name}={source(getattr(value, one.name), depth + 1)}"
            for one in dataclasses.fields(value)
            if getattr(value, one.name) != one.default
        ]
        return _joined(f"{type(value).__name__}(", parts, ")", depth)
    if isinstance(value, tuple):
        parts = [source(one, depth + 1) for one in value]
        if len(parts) == 1:
            return f"({parts[0]},)"
        return _joined("(", parts, ")", depth)
    return repr(value)


def _joined(start: str, parts: list[str], end: str, depth: int) -> str:
    flat = f"{start}{', '.join(parts)}{end}"
    if len(flat) + depth * len(INDENT) <= WIDTH and "\n" not in flat:
        return flat
    inner = "".join(f"{INDENT * (depth + 1)}{one},\n" for one in parts)
    return f"{start}\n{inner}{INDENT * depth}{end}"
