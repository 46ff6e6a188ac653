"""How large the tests of the suite are, for its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])

_sizes: dict[str, str] = {}


def size(**amounts: int) -> Callable[[Test], Test]:
    """Say how large a test is: `@size(messages=10_000, restarts=2)`."""

    def keep(test: Test) -> Test:
        _sizes[test.__qualname__] = ", ".join(
            f"{amount:,} {what.replace('_', ' ').removesuffix('s' if amount == 1 else '')}"
            for what, amount in amounts.items()
        )
        return test

    return keep


def size_of(test: Callable[..., Any]) -> str:
    """In words; empty for a test of a handful of messages."""
    return _sizes.get(test.__qualname__, "")
