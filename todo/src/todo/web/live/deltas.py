"""The messages to open pages. They are sent in the order in which they are true."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from todo.merge import Value
from todo.monitoring.readiness import DatabaseState, QueueState
from todo.web.item_json import ItemJson


class Delta(Struct, frozen=True, tag_field="kind"):
    """Base of all of them."""


class ItemDelta(Delta, frozen=True, tag="item"):
    """The item is like this now, whatever was said before. `saved` are changes that were saved."""

    item: ItemJson
    saved: Sequence[str] = ()


class GoneDelta(Delta, frozen=True, tag="gone"):
    """There is no such item now; it may come back."""

    id: str
    saved: Sequence[str] = ()


class ChangeDelta(Delta, frozen=True, tag="change"):
    """A change was accepted and is not saved yet: `field` gets this value."""

    id: str
    change: str
    field: str
    value: Value


class FailedDelta(Delta, frozen=True, tag="failed"):
    """A change became a dead letter."""

    id: str
    change: str
    reason: str
    letter: str


class SupersededDelta(Delta, frozen=True, tag="superseded"):
    """A change of a text was saved, but a later one, made without seeing it, replaces it."""

    id: str
    change: str


class StatusDelta(Delta, frozen=True, tag="status"):
    """How queue and database are, and how many changes have been waiting for more than a moment."""

    queue: QueueState = "ok"
    database: DatabaseState = "ok"
    waiting: int = 0
    #: There are more than `waiting`.
    more: bool = False


encode = msgspec.json.Encoder().encode
