"""Types in whose data a null may stand."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from dovetail.codec.nullable import takes_null


class Colour(Enum):
    RED = "red"


class Plain(msgspec.Struct):
    text: str
    colour: Colour
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""
    many: list[tuple[int, float]] = msgspec.field(default_factory=list)


class Tree(msgspec.Struct):
    children: list[Tree]
    at: datetime | msgspec.UnsetType = msgspec.UNSET


class Nullable(msgspec.Struct):
    inside: dict[str, list[float | None]]


class Typed(TypedDict):
    tree: Tree
    hidden: Nullable


@pytest.mark.parametrize("kind", [int, str, list[float], Plain, Tree, dict[str, Plain], Literal[1]])
def test_null_is_refused(kind: Any) -> None:
    assert not takes_null(kind)


@pytest.mark.parametrize(
    "kind",
    [None, Any, object, list, dict, float | None, Nullable, list[Nullable], Typed, msgspec.Raw],
)
def test_null_is_taken(kind: Any) -> None:
    assert takes_null(kind)
