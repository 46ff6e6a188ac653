"""The audit-handler: logs a line for every new item and every change."""

from __future__ import annotations

import json
import logging

import msgspec

from dovetail import Group, Received, Reject
from todo.changes import is_change_id, moment_of
from todo.events import ANY_CHANGE, CHANGES, Change, NewItem
from todo.merge import field_of, value_of

#: What is logged here is written without time and level, each record on one line.
log = logging.getLogger("todo.audit")


def audit_handler() -> Group:
    """Writes `AUDIT @ <date>: <text>`, and of changes `AUDIT @ <date>: <id> <kind> <value>`."""
    group = Group("audit-handler")

    @group.on(NewItem)
    async def audit(event: NewItem) -> None:
        log.info("AUDIT @ %s: %s", event.item.date_added.isoformat(), event.item.item)

    @group.on(ANY_CHANGE)
    async def audit_change(event: Received) -> None:
        change = _decoded(event)
        log.info(
            "AUDIT @ %s: %s %s", moment_of(change.change).isoformat(), change.id, _told(change)
        )

    return group


def _decoded(event: Received) -> Change:
    try:
        change = msgspec.convert(event.data, CHANGES[event.subject])
    except (KeyError, msgspec.ValidationError) as error:
        raise Reject(f"this release knows no such change: {error}") from error
    if not is_change_id(change.change):
        raise Reject(f"the change {change.change!r} is no UUIDv7, so its time is not known")
    return change


def _told(change: Change) -> str:
    kind, value = type(change).__subject__.rpartition(".")[2], value_of(change)
    if isinstance(value, bool):  # the kind says it
        return kind
    return (
        f"{kind} {value}"
        if field_of(change) == "item"
        else f"{kind} {json.dumps(value, ensure_ascii=False)}"
    )
